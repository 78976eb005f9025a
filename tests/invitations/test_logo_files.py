"""The pictures that an account's file names beside it."""

from pathlib import Path

import pytest
from PIL import Image

from data.account_file import AccountFile, AccountFileError
from invitations.logo_files import load_logos
from tests.data.accounts import sample

pytestmark = pytest.mark.one_database


def with_logos(*names: str | None) -> AccountFile:
    file = sample()
    places = [place.model_copy(update={"logo": name}) for place, name in zip(file.locations, names, strict=True)]
    return file.model_copy(update={"locations": places})


def test_each_location_gets_the_picture_that_its_line_names(tmp_path: Path) -> None:
    Image.new("RGB", (40, 20), (0, 90, 80)).save(tmp_path / "green.png")
    (tmp_path / "pictures").mkdir()
    Image.new("RGB", (20, 40), (200, 0, 0)).save(tmp_path / "pictures" / "red.jpg")
    logos = load_logos(tmp_path / "account.toml", with_logos("green.png", "pictures/red.jpg", None))
    sizes = {slug: (logo.width, logo.height) for slug, logo in logos.items()}
    assert sizes == {"boston": (40, 20), "chicago": (20, 40)}


def test_every_picture_that_cannot_be_used_is_told_with_its_location(tmp_path: Path) -> None:
    (tmp_path / "logo.png").write_bytes(b"%PDF-1.7")
    (tmp_path / "folder").mkdir()
    with pytest.raises(AccountFileError) as caught:
        load_logos(tmp_path / "account.toml", with_logos("logo.png", "folder", "nowhere.png"))
    told = str(caught.value).splitlines()
    assert told[0].startswith('account.toml: [[locations]] "boston", key logo: logo.png is a PDF')
    assert 'chicago", key logo: found "folder", and no such file' in told[1]
    assert '"nowhere.png"' in told[2]
    assert str(tmp_path) not in str(caught.value)
