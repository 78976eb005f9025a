"""The account's file given back: applied again it changes nothing, whatever was changed on the dashboard before."""

import io
import tomllib
import zipfile
from datetime import timedelta
from pathlib import Path

import pytest
from PIL import Image

from data.ledger.accounts import apply_account
from data.ledger.store import Ledger
from data.words import Role
from invitations.account_download import Download, account_download
from invitations.actor import Actor, Refused
from invitations.change_settings import Edit, change_settings
from invitations.logo_files import load_logos
from invitations.picture_files import make_logo
from invitations.settings_check import load_settings
from invitations.settings_effect import Table
from tests.data.accounts import NOW, applied, sample

pytestmark = pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
OWNER = Actor("nora.lindqvist@harborandpine.example.com", Role.OWNER, 1)
TRICKY = 'Hi {{ first_name }},\n\n"how" was \\ it? """ é\n{{ link }}'


def taken(ledger: Ledger, folder: Path) -> Path:
    """What the browser saved, unpacked; the path of account.toml."""
    found = account_download(ledger, OWNER, now=NOW)
    assert isinstance(found, Download)
    if found.name.endswith(".zip"):
        zipfile.ZipFile(io.BytesIO(found.content)).extractall(folder)
    else:
        (folder / found.name).write_bytes(found.content)
    return folder / "account.toml"


@pytest.mark.slow
def test_the_file_that_is_given_back_says_what_was_changed_and_applied_again_changes_nothing(
    ledger: Ledger, tmp_path: Path
) -> None:
    applied(ledger, sample())
    photograph = Image.effect_noise((400, 200), 90).convert("RGB")  # as a JPEG another one each time it is drawn anew
    held = io.BytesIO()
    photograph.save(held, "JPEG")
    edits = [
        Edit(Table.POLICY, (), {}, {"cap_days": 120}),
        Edit(Table.TEMPLATES, ("reminder", "email", "en"), {}, {"body": TRICKY}),
        Edit(Table.LOCATIONS, ("boston",), {}, {"color": "#112233"}),
    ]
    edits = [Edit(one.table, one.key, _seen(one), one.wanted) for one in edits]
    logo = make_logo("logo.jpg", held.getvalue())
    change_settings(ledger, OWNER, edits, now=NOW, logos={"boston": logo})
    path = taken(ledger, tmp_path)
    document = tomllib.loads(path.read_text())
    assert (document["policy"]["cap_days"], "consent" in document["policy"]) == (120, False)
    assert (tmp_path / "logo-boston.jpg").read_bytes() == logo.content
    file, policy = load_settings(path)
    logos = load_logos(path, file, drawn=[logo])
    later = NOW + timedelta(days=1)
    assert apply_account(ledger, file, rules=policy.document(), logos=logos, now=later, may_undo=False) == []


def _seen(edit: Edit) -> dict[str, object]:
    """What the sample says of the fields that an edit changes."""
    file = sample()
    if edit.table is Table.POLICY:
        return {"cap_days": 90}
    if edit.table is Table.LOCATIONS:
        return {"color": file.locations[0].color}
    return {"body": next(one.body for one in file.templates if one.slug == "reminder")}


def test_only_who_may_change_settings_and_users_everywhere_gets_the_file(ledger: Ledger) -> None:
    applied(ledger, sample())
    for role in (Role.MANAGER, Role.VIEWER, Role.AGENCY_CLIENT):
        assert isinstance(account_download(ledger, Actor("x@example.com", role, 1), now=NOW), Refused)
    one_place = Actor("x@example.com", Role.ADMIN, 1, frozenset({1}))
    assert isinstance(account_download(ledger, one_place, now=NOW), Refused)
