"""Who has signed in: what the identity provider says of somebody, and which user of the account that is.

A user is joined to an identity once, by an e-mail address that the provider has verified; from then on by issuer and
subject alone, whatever address the provider tells. Whoever is nobody here gets in nowhere: users are made in the
account's settings, never by signing in.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from data.ledger.access import Access, access_by_identity, join_identity
from data.ledger.controls import record_audit
from data.ledger.store import Ledger, again_if_undone
from invitations.actor import Refused

LASTS = timedelta(hours=12)  # then the provider is asked again: whoever lost the account there loses it here

_UNKNOWN = (
    "Nobody of this account has this email address, or that user signs in another way already. Ask an owner or admin "
    "to look under Settings, Users."
)
_UNVERIFIED = (
    "Your identity provider does not say that it has verified your email address, so it cannot be told who you are. "
    "Verify the address there, then sign in again."
)
_OVER = "You signed in some time ago. Sign in again to go on."


@dataclass(frozen=True, slots=True)
class Claims:
    """What the provider's signed token says."""

    issuer: str
    subject: str = field(repr=False)
    email: str | None = field(repr=False)
    is_email_verified: bool
    issued_at: datetime


def read_claims(token: Mapping[str, object]) -> Claims | None:
    """The claims of a token whose signature was checked; None where issuer, subject or time is missing."""
    issuer, subject, issued = token.get("iss"), token.get("sub"), token.get("iat")
    if not isinstance(issuer, str) or not isinstance(subject, str) or not issuer or not subject:
        return None
    if not isinstance(issued, int | float) or isinstance(issued, bool):
        return None
    email = token.get("email")
    return Claims(
        issuer=issuer,
        subject=subject,
        email=email.strip() if isinstance(email, str) and email.strip() else None,
        is_email_verified=token.get("email_verified") is True,  # "false" is a text, and true of a text
        issued_at=datetime.fromtimestamp(issued, UTC),
    )


def sign_in(ledger: Ledger, claims: Claims, *, at: datetime) -> Access | Refused:
    """The user that these claims belong to, with the rights of this moment; joins them the first time.

    `at` is this machine's clock, as the provider's is: policy time plays no part.
    """
    if at - claims.issued_at > LASTS:
        return Refused(_OVER)
    with ledger.read() as c:
        found = access_by_identity(c, claims.issuer, claims.subject)
    return found or _join(ledger, claims)


@again_if_undone
def _join(ledger: Ledger, claims: Claims) -> Access | Refused:
    if claims.email is None or not claims.is_email_verified:
        return Refused(_UNVERIFIED)
    with ledger.write() as c:
        if join_identity(c, claims.email, claims.issuer, claims.subject):
            joined = access_by_identity(c, claims.issuer, claims.subject)
            if joined is not None:
                record_audit(
                    c, joined.account_id, actor=joined.email, action="join", subject=f'user "{joined.email}"',
                    before={"issuer": None}, after={"issuer": claims.issuer},
                )  # fmt: skip
                return joined
        return access_by_identity(c, claims.issuer, claims.subject) or Refused(_UNKNOWN)
