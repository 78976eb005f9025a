"""The logos that an account's file names: pictures beside it, drawn anew as all pictures of strangers are."""

from collections.abc import Iterable
from pathlib import Path

from data.account_file import AccountFile, AccountFileError
from data.ledger.pictures import KeptPicture
from invitations.picture_files import LARGEST_FILE, PictureRefused, make_logo


def load_logos(path: Path | str, file: AccountFile, *, drawn: Iterable[KeptPicture] = ()) -> dict[str, KeptPicture]:
    """The logos by location slug; `path` is the account's file, beside which they lie.

    `drawn` are those that are kept already: a file that is one of them (the dashboard gave it) stays as it is, since
    drawing a photograph anew would change it each time.
    Raises AccountFileError, a line for each that is not there or no picture, with how to mend it.
    """
    path, logos, faults = Path(path), {}, []
    ours = {picture.content: picture for picture in drawn}
    read: dict[str, KeptPicture] = {}  # several locations mostly share one
    for place in file.locations:
        if place.logo is None:
            continue
        try:
            if place.logo not in read:
                content = _content(path.parent / place.logo)
                read[place.logo] = ours.get(content) or make_logo(place.logo, content)
            logos[place.slug] = read[place.logo]
        except PictureRefused as problem:
            faults.append(f'{path.name}: [[locations]] "{place.slug}", key logo: {problem}')
        except OSError:
            faults.append(
                f'{path.name}: [[locations]] "{place.slug}", key logo: found "{place.logo}", and no such file can be '
                f"read beside {path.name}: put it there, mend its name, or take the line out."
            )
    if faults:
        raise AccountFileError("\n".join(faults))
    return logos


def _content(path: Path) -> bytes:
    """The bytes, one more at most than are ever taken. Raises OSError for what is no file."""
    if not path.is_file():  # a folder; or a pipe, which may never end
        raise FileNotFoundError(path)
    with path.open("rb") as opened:
        return opened.read(LARGEST_FILE + 1)
