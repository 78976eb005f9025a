"""The way in where people sign in by OIDC: Streamlit talks to the provider, `invitations.sign_in` says who that is."""

import streamlit as st
from markupsafe import Markup

from dashboard.source import settings
from data.ledger.access import Access
from data.ledger.store import Ledger
from data.settings import utc_now
from invitations.actor import Refused
from invitations.sign_in import read_claims, sign_in

_NOT_STARTED_SO = (
    "AFTERWORD_OIDC_ISSUER is set, but this dashboard was not started with it. Start it with `afterword up`: nobody "
    "is let in another way."
)
_NAMELESS = "The identity provider did not say who you are. Sign in again; if it stays so, ask whoever runs this."


def is_asked_for(*, is_demo: bool) -> bool:
    """Whether people sign in here. Then nobody is let in any other way, whoever AFTERWORD_LOCAL_USER names.

    A demo is looked at through its role switcher, unless it was started for people to sign in.
    """
    return "is_logged_in" in st.user.to_dict() or (not is_demo and settings().oidc_issuer is not None)


def is_outside() -> bool:
    """Whether people sign in here, and this one has not: no page leads anywhere."""
    return st.user.to_dict().get("is_logged_in") is False


def whoever_signed_in(ledger: Ledger) -> Access | None:
    """The user who signed in, with the rights of this moment; None after offering to."""
    user = st.user.to_dict()
    if "is_logged_in" not in user:
        _offer(_NOT_STARTED_SO, label=None)
        return None
    if user["is_logged_in"] is not True:
        _offer("Sign in with the account that your company gave you.", label="Sign in")
        return None
    claims = read_claims(user)
    access = Refused(_NAMELESS) if claims is None else sign_in(ledger, claims, at=utc_now())
    if isinstance(access, Refused):
        _offer(access.reason, label="Sign in again")
        return None
    return access


def offer_to_sign_out() -> None:
    """A way out, for whoever came in by signing in."""
    if st.user.to_dict().get("is_logged_in") is True:
        st.button("Sign out", key="sign_out", icon=":material/logout:", type="tertiary", on_click=st.logout)


def _offer(words: str, *, label: str | None) -> None:
    with st.container(key="aw_sign_in", horizontal_alignment="center", gap="medium"):
        st.html(
            Markup(
                '<div class="aw-empty" role="status"><strong>Reviews, asked for fairly</strong><p>{}</p></div>'
            ).format(words)
        )
        if label is not None:
            st.button(label, key="sign_in", icon=":material/login:", type="primary", on_click=st.login)
