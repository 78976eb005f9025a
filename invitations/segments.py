"""How many texts an SMS is billed as: GSM-7 or UCS-2 segments of what is really sent (3GPP TS 23.038, TS 23.040).

160 GSM-7 septets or 70 UTF-16 units fit into one segment; of several, each holds 153 or 67, because each carries a
header. A character of the extension table takes two septets, one outside the plane of Unicode two units, and neither is
ever torn apart. One character outside GSM-7 makes the whole message UCS-2.
"""

from collections.abc import Iterable

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = frozenset("^{}\\[~]|€\f")
_GSM_7 = _BASIC | _EXTENDED
_GSM_7_ALONE, _GSM_7_OF_SEVERAL = 160, 153
_UCS_2_ALONE, _UCS_2_OF_SEVERAL = 70, 67
_LAST_OF_THE_PLANE = 0xFFFF


def count_segments(text: str) -> int:
    """The segments that `text` is billed as; an empty text is one."""
    if _GSM_7.issuperset(text):
        alone, of_several = _GSM_7_ALONE, _GSM_7_OF_SEVERAL
        doubles = sum(character in _EXTENDED for character in text)
        widths = (2 if character in _EXTENDED else 1 for character in text)
    else:
        alone, of_several = _UCS_2_ALONE, _UCS_2_OF_SEVERAL
        doubles = sum(ord(character) > _LAST_OF_THE_PLANE for character in text)
        widths = (2 if ord(character) > _LAST_OF_THE_PLANE else 1 for character in text)
    length = len(text) + doubles
    if length <= alone:
        return 1
    return _packed(widths, of_several) if doubles else -(-length // of_several)


def _packed(widths: Iterable[int], room: int) -> int:
    """How many segments of `room` the characters fill in their order, none of them torn apart."""
    segments, used = 1, 0
    for width in widths:
        if used + width > room:
            segments, used = segments + 1, 0
        used += width
    return segments
