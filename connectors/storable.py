"""What both databases can keep of a JSON document: no NUL, no half of a surrogate pair, no number without end."""

import math
from collections.abc import Mapping
from typing import Any

_DEEPEST = 32


def storable(document: Any, depth: int = 0) -> Any:
    """The document, a mark (U+FFFD) or null for what cannot be kept. Raises ValueError for one nested too deeply."""
    if depth > _DEEPEST:
        raise ValueError("nested too deeply")
    if isinstance(document, str):
        return storable_text(document)
    if isinstance(document, Mapping):
        return {storable_text(str(name)): storable(value, depth + 1) for name, value in document.items()}
    if isinstance(document, list):
        return [storable(value, depth + 1) for value in document]
    return None if isinstance(document, float) and not math.isfinite(document) else document


def storable_text(text: str) -> str:
    """The text, with a mark for each character that PostgreSQL does not take."""
    if text.isascii():
        return text.replace("\0", "\ufffd")
    return "".join("\ufffd" if letter == "\0" or "\ud800" <= letter <= "\udfff" else letter for letter in text)
