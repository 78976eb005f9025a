"""A text as searches compare it: small letters without their accents, so that "jose" finds José, and José Jose."""

from unicodedata import category, normalize

_OTHERS = str.maketrans(
    {
        "ø": "o", "ł": "l", "đ": "d", "ð": "d", "ħ": "h", "ı": "i", "ß": "ss", "æ": "ae", "œ": "oe",
        "ς": "σ",  # a small sigma at the end of a word
    }
)  # fmt: skip


def folded(text: str) -> str:
    """The text in small letters, each mark over, under or in a letter left out.

    The same as data/warehouse/macros/folded.sql, letter for letter.
    """
    if text.isascii():
        return text.lower()
    letters = (one for one in normalize("NFD", text.lower()) if not category(one).startswith("M"))
    return normalize("NFC", "".join(letters)).translate(_OTHERS)
