"""Small line icons, drawn in the text's colour: a status is always an icon and a word, never a colour alone."""

from urllib.parse import quote

from markupsafe import Markup

_PATHS = {
    "clock": '<circle cx="8" cy="8" r="6.2"/><path d="M8 4.6V8l2.3 1.6"/>',
    "plane": '<path d="M14.2 1.8 7 9M14.2 1.8l-4.5 12.4L7 9 1.8 6.3z"/>',
    "check": '<path d="m2.8 8.6 3.4 3.4 7-7.6"/>',
    "cross": '<path d="m3.8 3.8 8.4 8.4m0-8.4-8.4 8.4"/>',
    "pause": '<path d="M5.6 3.4v9.2m4.8-9.2v9.2"/>',
    "question": '<circle cx="8" cy="8" r="6.2"/><path d="M6.2 6.2a1.9 1.9 0 1 1 2.6 2c-.6.3-.8.6-.8 1.2m0 2v.1"/>',
    "slash": '<circle cx="8" cy="8" r="6.2"/><path d="m3.7 3.7 8.6 8.6"/>',
    "eye": '<path d="M1.4 8S3.8 3.6 8 3.6 14.6 8 14.6 8 12.2 12.4 8 12.4 1.4 8z"/><circle cx="8" cy="8" r="1.9"/>',
    "cursor": '<path d="m3 3 3.8 10 1.7-4.2L12.8 7z"/>',
    "star": '<path d="m8 1.9 1.9 3.9 4.2.6-3 3 .7 4.2L8 11.6l-3.8 2 .7-4.2-3-3 4.2-.6z"/>',
    "gauge": '<path d="M2 11.5a6.2 6.2 0 1 1 12 0M8 9.5l2.8-3.4"/>',
    "talk": '<path d="M2 3.2h12v7.6H7.4L4.2 13.4v-2.6H2z"/>',
    "play": '<path d="M4.6 3v10l8-5z"/>',
    "dot": '<circle cx="8" cy="8" r="2.6"/>',
}


def icon(name: str) -> Markup:
    """One icon, hidden from screen readers: the word beside it speaks."""
    return Markup('<i class="aw-icon aw-icon-{}" aria-hidden="true"></i>').format(name)


def icon_styles() -> str:
    """The drawings as CSS masks: Streamlit takes SVG elements out of HTML, and a mask takes the text's colour."""
    return "\n".join(f".aw-icon-{name} {{ --aw-drawing: url({_address(paths)!r}); }}" for name, paths in _PATHS.items())


def _address(paths: str) -> str:
    drawing = (
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16' fill='none' stroke='black' stroke-width='1.6' "
        f"stroke-linecap='round' stroke-linejoin='round'>{paths}</svg>"
    )
    return "data:image/svg+xml," + quote(drawing)
