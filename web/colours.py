"""A location's own colour, and what else must follow from it so that everything can be read."""

import re

DEFAULT = "#0F766E"
CARDS = ("#ffffff", "#1f1b18")  # what buttons stand on, light and dark; pages.css says the same
_HEX = re.compile(r"#[0-9a-fA-F]{6}")


def checked(color: str) -> str:
    """`color` if it is #rrggbb, else the house's own."""
    return color if _HEX.fullmatch(color) else DEFAULT


def style_sheet(color: str) -> str:
    """What pages use of a colour: itself, black or white for text on it, and a shade of it for edges and stars."""
    brand = checked(color)
    light, dark = (shade(brand, card) for card in CARDS)
    return (
        f":root{{--brand:{brand};--on-brand:{text_on(brand)};--edge:{light}}}\n"
        f"@media(prefers-color-scheme:dark){{:root{{--edge:{dark}}}}}\n"
    )


def shade(color: str, card: str) -> str:
    """The nearest to `color` that can be made out on `card`: mixed with black or white until it reaches 4.5:1.

    WCAG 2.2 asks for 3:1 at the edge of a button (1.4.11); old phones in bad light ask for more.
    """
    towards = text_on(card)
    mixed = (_mixed(color, towards, part / 20) for part in range(21))
    return next(each for each in mixed if contrast(each, card) >= 4.5)


def _mixed(one: str, other: str, part: float) -> str:
    pairs = ((int(one[at : at + 2], 16), int(other[at : at + 2], 16)) for at in (1, 3, 5))
    return "#" + "".join(f"{round(a + (b - a) * part):02x}" for a, b in pairs)


def text_on(color: str) -> str:
    """Black or white, whichever is easier to read on `color`: at least 4.58:1 on any."""
    light = luminance(color)
    return "#ffffff" if 1.05 / (light + 0.05) >= (light + 0.05) / 0.05 else "#000000"


def contrast(one: str, other: str) -> float:
    """WCAG 2.2's contrast ratio of two colours (#rrggbb), 1 to 21."""
    brighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


def luminance(color: str) -> float:
    """WCAG 2.2's relative luminance of #rrggbb, 0 to 1 (https://www.w3.org/TR/WCAG22/#dfn-relative-luminance)."""
    red, green, blue = (_linear(int(color[at : at + 2], 16) / 255) for at in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(value: float) -> float:
    return float(value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4)
