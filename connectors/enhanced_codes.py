"""What the codes of a refused mail say against its address: enhanced ones (RFC 3463), else the server's number.

Shared by whoever carries mail: the relay's own replies, the bounces that come back by mail, Mailgun's events.
"""

import re

from data.words import FailureScope

ENHANCED = r"[245]\.\d{1,3}\.\d{1,3}"
# Our own address as sender (5.1.7, 5.1.8), full or too large, the system, the network, the text, policy.
_NOT_THE_ADDRESS = re.compile(r"5\.(1\.[78]$|2\.[2-4]$|3\.|4\.|6\.|7\.)")
_NO_DETAIL = re.compile(r"(\d\.0\.0)?")
_NUMBERS_OF_THE_MESSAGE = frozenset({552, 554, 571})  # storage, the transaction as a whole, policy


def spares_the_address(enhanced: str) -> bool:
    """Whether an enhanced code of a permanent refusal is about something else than the recipient's address."""
    return _NOT_THE_ADDRESS.match(enhanced) is not None


def has_detail(enhanced: str) -> bool:
    """False for none, and for 5.0.0, which only repeats that it failed."""
    return _NO_DETAIL.fullmatch(enhanced) is None


def scope_of(number: int | None, enhanced: str) -> FailureScope:
    """What a recipient that was refused for good means, by the server's number (550) and its enhanced code (5.1.1).

    ADDRESS takes a reason that is about the address; without one, or after a trouble that only lasted (4.4.7), MESSAGE.
    """
    if has_detail(enhanced):
        is_address = enhanced.startswith("5.") and not spares_the_address(enhanced)
    else:
        is_address = number is not None and 500 <= number < 600 and number not in _NUMBERS_OF_THE_MESSAGE
    return FailureScope.ADDRESS if is_address else FailureScope.MESSAGE
