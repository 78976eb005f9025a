"""What may enter the headers of a mail: shared by the connectors that carry e-mail."""

import re

_CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]+")
# A comma, a bracket or a second @ would add recipients or a name; quoted local parts are given up for that.
_ONE_ADDRESS = re.compile(r"[^\s,;:<>()\"\[\]\\@]{1,64}@[^\s,;:<>()\"\[\]\\@]{1,253}")


def one_line(text: str) -> str:
    """Text that can enter a header: control characters and line ends become one space."""
    return _CONTROL.sub(" ", text).strip()


def is_one_address(text: str) -> bool:
    """True for exactly one bare e-mail address."""
    return _ONE_ADDRESS.fullmatch(text) is not None
