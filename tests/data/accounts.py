"""The sample account for tests: with fields changed, and brought into a ledger with its policy resolved."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from data.account_file import AccountFile, load_account_file
from data.ledger.accounts import apply_account
from data.ledger.pictures import KeptPicture
from data.ledger.store import Ledger
from invitations.policy import Policy

SAMPLE = Path(__file__).parents[2] / "data" / "samples" / "account.toml"
NOW = datetime(2026, 11, 23, 18, 0, tzinfo=UTC)  # Monday, 13:00 in the sample's zone


def sample(**account: Any) -> AccountFile:
    """The sample, with fields of [account] changed."""
    file = load_account_file(SAMPLE)
    return file.model_copy(update={"account": file.account.model_copy(update=account)})


def with_policy(**policy: Any) -> AccountFile:
    """The sample, with keys of [policy] added or replaced."""
    file = sample()
    return file.model_copy(update={"policy": type(file.policy)(**{**file.policy.document(), **policy})})


def applied(
    ledger: Ledger,
    file: AccountFile,
    *,
    rules: dict[str, Any] | None = None,
    logos: Mapping[str, KeptPicture] | None = None,
    now: datetime = NOW,
    dry_run: bool = False,
) -> list[str]:
    """What `apply_account` changed, told in words."""
    resolved = Policy.load(file.policy.document()).document() if rules is None else rules
    return apply_account(ledger, file, rules=resolved, logos=logos or {}, now=now, dry_run=dry_run)
