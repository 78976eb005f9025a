"""SQL from the package's .sql files: one statement a file, found by its path without the ending."""

import re
from functools import cache
from importlib.resources import files

_PACKAGE = files("data.warehouse")
_COLUMN = re.compile(r"^    (\w+) \w+", re.MULTILINE)


@cache
def statement(name: str) -> str:
    """The statement in `<name>.sql`, for instance `marts/out_customers`.

    Raises FileNotFoundError when there is none.
    """
    return (_PACKAGE / f"{name}.sql").read_text(encoding="utf-8")


@cache
def columns(name: str) -> tuple[str, ...]:
    """The columns that a `create table` names, one a line, in their order."""
    return tuple(_COLUMN.findall(statement(name)))


def about(name: str, **parts: str) -> str:
    """The statement with its `{table}`, `{key}` and the like filled in: names of ours, never a value."""
    return statement(name).format(**parts)


@cache
def names(folder: str) -> tuple[str, ...]:
    """What `statement` finds in a folder of the package, sorted; () when the folder is not there."""
    directory = _PACKAGE / folder
    if not directory.is_dir():
        return ()
    found = (entry.name for entry in directory.iterdir() if entry.name.endswith(".sql"))
    return tuple(sorted(f"{folder}/{name.removesuffix('.sql')}" for name in found))
