"""A document written as TOML, which the standard library reads and cannot write; texts of several lines stay so."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SHORT = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", '"': '\\"', "\\": "\\\\"}
_UNSEEN = re.compile(r"[\x00-\x1f\x7f\"\\]")
_UNSEEN_BUT_LINES = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\\]|\"(?=\"\"|\"?$)")


def toml_text(document: Mapping[str, Any]) -> str:
    """The document as TOML; `tomllib.loads` gives it back. Raises TypeError for what TOML has no word for."""
    return "\n".join(_table(document, ())).strip() + "\n"


def _table(values: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    """A table's own values first: what follows a heading belongs to it."""
    inner = {key: value for key, value in values.items() if isinstance(value, Mapping)}
    several = {key: value for key, value in values.items() if _is_tables(value)}
    for key, value in values.items():
        if key not in inner and key not in several:
            yield f"{_key(key)} = {_value(value)}"
    for key, value in inner.items():
        below = (*path, key)
        yield f"\n[{_dotted(below)}]"
        yield from _table(value, below)
    for key, rows in several.items():
        below = (*path, key)
        for row in rows:
            yield f"\n[[{_dotted(below)}]]"
            yield from _table(row, below)


def _is_tables(value: Any) -> bool:
    return isinstance(value, Sequence) and bool(value) and all(isinstance(one, Mapping) for one in value)


def _dotted(path: tuple[str, ...]) -> str:
    return ".".join(_key(part) for part in path)


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _string(key)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _lines(value) if "\n" in value else _string(value)
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Sequence):
        return f"[{', '.join(_value(one) for one in value)}]"
    raise TypeError(f"TOML has no word for a {type(value).__name__}")


def _string(text: str) -> str:
    return '"' + _UNSEEN.sub(_escaped, str(text)) + '"'


def _lines(text: str) -> str:
    """A text of several lines as it looks; the line break after the opening quotes is none of it."""
    return '"""\n' + _UNSEEN_BUT_LINES.sub(_escaped, str(text)) + '"""'


def _escaped(found: re.Match[str]) -> str:
    return _SHORT.get(found[0], f"\\u{ord(found[0]):04x}")
