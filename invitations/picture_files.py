"""Files that somebody attached, made into pictures that may leave: decoded, checked, and encoded anew for each channel.

Only pixels survive: a picture is drawn again from them, upright and in plain sRGB, so that neither the place and time a
camera wrote beside them, nor anything hidden behind the last byte, goes along. The file's name decides nothing.
"""

import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageCms, UnidentifiedImageError

from data.ledger.pictures import KeptPicture
from data.words import Channel

MOST_PICTURES = 5
LARGEST_FILE = 25_000_000  # bytes; a phone's best photograph has a third of it
MOST_PIXELS = 50_000_000  # some 600 MB of memory; the largest that most phones take
LONGEST_SIDE = 20_000  # pixels
_MOST_SCANS = 100  # of a progressive JPEG, which has about ten: each costs a pass over every pixel
_FORMATS = ("JPEG", "PNG", "GIF", "WEBP")  # no other decoder of Pillow's ever sees the bytes
_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_QUALITIES = (85, 75, 65)
_SHRINK = 0.8  # where the worst quality is still too heavy
_SMALLEST_SIDE = 160


@dataclass(frozen=True, slots=True)
class Cap:
    """What a channel's message takes: pixels on a picture's longer side, and bytes for all its pictures together."""

    side: int
    total: int


# A text: Twilio refuses a message over 5 MB (twilio.com/docs/messaging/guides/accepted-mime-types); carriers take 0.6
# MB from toll-free numbers and AT&T's short codes, 1 MB and more from long codes, and Twilio advises 600 kB (its help
# article "Supported File Types and Size Limits for MMS Media Messages"). A tenth is left for the words around them.
# A mail: Mailgun and Gmail take 25 MB, many a company's server 10, and base64 adds a third; one that loads at once on a
# phone is far below. 1,600 pixels fill a laptop's width, 1,280 any phone's.
CAPS = {Channel.SMS: Cap(side=1280, total=540_000), Channel.EMAIL: Cap(side=1600, total=2_500_000)}


LOGO = Cap(side=320, total=12_000)  # twice what a page shows it at; in base64 it leaves room within the page's 30 kB
_LOGO_COLOURS = 64


@dataclass(frozen=True, slots=True)
class _Drawn:
    """An upright picture in sRGB (RGB or RGBA), no larger than any channel takes, with nothing beside its pixels."""

    name: str
    pixels: Image.Image
    is_graphic: bool  # of few colours or partly transparent: PNG may suit it


class PictureRefused(ValueError):
    """A file that is no picture we send; the message says which, what was found, what is expected, how to mend it."""


def make_versions(files: Sequence[tuple[str, bytes]]) -> dict[Channel, list[KeptPicture]]:
    """The pictures of up to five files, each (what to call it, its bytes), in order, for each channel that takes them.

    Raises PictureRefused for the first that is not good, before anything is kept.
    """
    if len(files) > MOST_PICTURES:
        raise PictureRefused(f"{len(files)} pictures were given; at most {MOST_PICTURES} go along. Leave some out.")
    drawn = [_draw(name, content) for name, content in files]
    return {channel: [_fit(one, cap.side, cap.total // len(drawn)) for one in drawn] for channel, cap in CAPS.items()}


def make_logo(name: str, content: bytes) -> KeptPicture:
    """A business's logo, small enough to stand inside a page; the same file gives the same picture.

    What has few colours stays sharp (PNG, if need be in 64 colours); a photograph is a JPEG. Raises PictureRefused.
    """
    drawn = _draw(name, content)
    shown = drawn.pixels.copy()
    shown.thumbnail((LOGO.side, LOGO.side), Image.Resampling.LANCZOS)
    encoded = _encode(shown, "PNG", optimize=True)
    if len(encoded) > LOGO.total and drawn.is_graphic:
        encoded = _encode(shown.quantize(_LOGO_COLOURS, Image.Quantize.FASTOCTREE), "PNG", optimize=True)
    if len(encoded) <= LOGO.total:
        return KeptPicture("image/png", *shown.size, encoded)
    return _fit(drawn, LOGO.side, LOGO.total)


def _draw(name: str, content: bytes) -> _Drawn:
    if not content:
        raise PictureRefused(f"{name} is empty. Save the picture again.")
    if len(content) > LARGEST_FILE:
        raise PictureRefused(
            f"{name} has more than {LARGEST_FILE // 1_000_000} MB, and no more are read. Save it smaller, 1,600 pixels "
            "wide is plenty."
        )
    if content.startswith(b"\xff\xd8") and content.count(b"\xff\xda") > _MOST_SCANS:
        raise PictureRefused(f"{name} is a JPEG of more than {_MOST_SCANS} layers. Save it as an ordinary JPEG.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what Pillow would warn of is refused below, or does no harm
            with Image.open(io.BytesIO(content), formats=_FORMATS) as picture:
                _check(name, picture)
                return _redraw(name, picture)
    except PictureRefused:
        raise
    except UnidentifiedImageError:
        raise PictureRefused(f"{name} is {_kind_of(content)}. Save it as JPEG or PNG and attach that.") from None
    except Image.DecompressionBombError:
        raise PictureRefused(_too_large(name, "far more")) from None
    except Exception:  # noqa: BLE001  (fed by a stranger, a decoder may raise whatever it likes)
        raise PictureRefused(f"{name} is cut off or damaged: it can't be read. Save the picture again.") from None


def _check(name: str, picture: Image.Image) -> None:
    """Refuse by what the file's head says, before a pixel is decoded."""
    width, height = picture.size
    if width * height > MOST_PIXELS or max(width, height) > LONGEST_SIDE:
        raise PictureRefused(_too_large(name, f"{width:,} × {height:,}"))
    # Phones write JPEGs with a second picture inside (MPO: depth, brightness); the first one is the photograph.
    if picture.format != "MPO" and getattr(picture, "is_animated", False):
        raise PictureRefused(f"{name} moves. Only still pictures go along: save one of its frames as JPEG or PNG.")
    if picture.mode.startswith(("I", "F")):
        raise PictureRefused(f"{name} has 16 bits a dot, as measuring devices write. Save it as an ordinary JPEG.")


def _redraw(name: str, picture: Image.Image) -> _Drawn:
    side = max(cap.side for cap in CAPS.values())
    has_palette = picture.mode in ("1", "P", "PA")
    picture.draft("RGB", (side, side))  # a JPEG is decoded at an eighth where that is enough
    profile = picture.info.get("icc_profile")
    upright: Image.Image = picture
    if picture.has_transparency_data:
        upright = picture.convert("RGBA")
    elif picture.mode not in ("L", "RGB", "CMYK"):
        upright = picture.convert("RGB")
    upright.thumbnail((side, side), Image.Resampling.LANCZOS)
    upright = _turned(upright)
    colours = _in_srgb(upright, profile)
    is_transparent = upright.mode == "RGBA" and upright.getchannel("A").getextrema() != (255, 255)
    if is_transparent:
        colours.putalpha(upright.getchannel("A"))
    clean = Image.frombytes(colours.mode, colours.size, colours.tobytes())
    return _Drawn(name, clean, has_palette or is_transparent)


def _turned(picture: Image.Image) -> Image.Image:
    """Upright, as the camera noted it (Exif's Orientation, or XMP's); as it lies where its notes are damaged."""
    try:
        noted = picture.getexif().get(_ORIENTATION)
    except Exception:  # noqa: BLE001  (notes of any kind, in any disorder: the picture is good without them)
        return picture
    return picture.transpose(_TURNS[noted]) if noted in _TURNS else picture


def _in_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """The picture's colours as every screen understands them; by its own profile where that can be read."""
    colours = picture.convert("RGB") if picture.mode == "RGBA" else picture
    if profile:
        try:
            own, plain = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
            converted = ImageCms.profileToProfile(colours, own, plain, outputMode="RGB")
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            converted = None  # a profile for other colours, or a damaged one: the picture is good without it
        if converted is not None:
            return converted
    return colours.convert("RGB")


def _fit(drawn: _Drawn, side: int, most_bytes: int) -> KeptPicture:
    """The picture within `side` pixels and `most_bytes`: first of worse quality, then smaller."""
    while side >= _SMALLEST_SIDE:
        shown = drawn.pixels.copy()
        shown.thumbnail((side, side), Image.Resampling.LANCZOS)
        if drawn.is_graphic:
            encoded = _encode(shown, "PNG", optimize=True)
            if len(encoded) <= most_bytes:
                return KeptPicture("image/png", *shown.size, encoded)
        opaque = _on_white(shown)
        for quality in _QUALITIES:
            encoded = _encode(opaque, "JPEG", quality=quality, optimize=True)
            if len(encoded) <= most_bytes:
                return KeptPicture("image/jpeg", *shown.size, encoded)
        side = int(max(shown.size) * _SHRINK)
    raise PictureRefused(f"{drawn.name} can't be made small enough to send. Choose a plainer picture.")


def _encode(picture: Image.Image, kind: str, **how: int) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **how)
    return out.getvalue()


def _on_white(picture: Image.Image) -> Image.Image:
    if picture.mode != "RGBA":
        return picture
    paper = Image.new("RGB", picture.size, "white")
    paper.paste(picture, mask=picture.getchannel("A"))
    return paper


def _too_large(name: str, found: str) -> str:
    return (
        f"{name} has {found} pixels; at most {MOST_PIXELS // 1_000_000} million are read, and {LONGEST_SIDE:,} on a "
        "side. Save it smaller, 1,600 pixels wide is plenty."
    )


def _kind_of(content: bytes) -> str:
    """What a file that is no picture of ours seems to be."""
    head = content[:512].lstrip().lower()
    if content[4:8] == b"ftyp":
        return "a HEIC or AVIF picture or a film, which mail programs and carriers do not show"
    if head.startswith((b"<svg", b"<?xml", b"<!doctype", b"<html")):
        return "an SVG drawing or a web page, which may hold programs"
    if head.startswith(b"%pdf"):
        return "a PDF"
    return "not a JPEG, PNG, still GIF or still WebP picture"
