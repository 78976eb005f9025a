"""What becomes of files that somebody attaches: only still pictures pass, and only their pixels."""

import io
import os
import struct
import zlib
from typing import Any

import pytest
from PIL import Image, ImageCms, ImageOps, PngImagePlugin

from data.ledger.pictures import KeptPicture
from data.words import Channel
from invitations.picture_files import CAPS, LARGEST_FILE, LOGO, PictureRefused, make_logo, make_versions

RED, BLUE, GREEN = (254, 0, 0), (0, 0, 254), (0, 128, 0)


def encoded(picture: Image.Image, kind: str, **how: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **how)
    return out.getvalue()


def plain(size: tuple[int, int] = (40, 20), colour: Any = GREEN, mode: str = "RGB") -> Image.Image:
    return Image.new(mode, size, colour)


def sent(content: bytes, name: str = "a.jpg") -> KeptPicture:
    [picture] = make_versions([(name, content)])[Channel.SMS]
    return picture


def opened(picture: KeptPicture) -> Image.Image:
    shown = Image.open(io.BytesIO(picture.content))
    assert (shown.get_format_mimetype(), shown.size) == (picture.media_type, (picture.width, picture.height))
    return shown


def is_near(found: Any, wanted: tuple[int, int, int]) -> bool:
    return all(abs(one - other) < 30 for one, other in zip(found, wanted, strict=True))


def a_profile(*, is_odd: bool) -> bytes:
    """sRGB; the odd one takes red for blue and blue for red, as no screen does."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    if is_odd:
        profile = profile.replace(b"rXYZ", b"tXYZ").replace(b"bXYZ", b"rXYZ").replace(b"tXYZ", b"bXYZ")
    return profile


def test_a_photograph_stands_upright_and_says_nothing_of_where_and_when_it_was_taken() -> None:
    photo = plain(colour=BLUE)
    photo.paste(RED, (0, 0, 20, 20))
    facts = Image.Exif()
    facts[0x0112] = 6  # to be turned a quarter clockwise
    facts[0x010F] = "Camera of Ana"
    facts.get_ifd(0x8825)[1] = "N"  # a place
    content = encoded(
        photo, "JPEG", exif=facts, comment=b"at home", xmp=b"<x:xmpmeta>secret</x:xmpmeta>", quality=95,
        icc_profile=a_profile(is_odd=False),
    ) + b"PK\x03\x04<script>alert(1)</script>"  # fmt: skip
    for picture in (one for pictures in make_versions([("a.jpg", content)]).values() for one in pictures):
        shown = opened(picture)
        assert shown.size == (20, 40)
        assert is_near(shown.getpixel((10, 5)), RED)
        assert is_near(shown.getpixel((10, 35)), BLUE)
        assert set(shown.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
        for left_behind in (b"Exif", b"Ana", b"at home", b"secret", b"ICC_PROFILE", b"PK\x03\x04", b"<script"):
            assert left_behind not in picture.content


@pytest.mark.parametrize("noted", range(10))
def test_every_way_of_holding_a_camera_is_upright(noted: int) -> None:
    photo = plain((40, 24), BLUE)
    photo.paste(RED, (0, 0, 16, 8))
    facts = Image.Exif()
    facts[0x0112] = noted
    content = encoded(photo, "PNG", exif=facts)
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(content)))
    shown = opened(sent(content))
    assert shown.size == upright.size
    for at in ((3, 3), (3, upright.height - 3), (upright.width - 3, 3), (upright.width - 3, upright.height - 3)):
        assert is_near(shown.getpixel(at), upright.getpixel(at))


def test_damaged_notes_cost_nobody_their_picture() -> None:
    for notes in (b"Exif\0\0nonsense", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\x01\x12"):
        assert opened(sent(encoded(plain(), "JPEG", exif=notes))).size == (40, 20)


def test_notes_inside_a_png_are_left_behind() -> None:
    notes = PngImagePlugin.PngInfo()
    notes.add_text("Author", "Ana", zip=True)
    content = encoded(plain(mode="P", colour=3), "PNG", pnginfo=notes, dpi=(300, 300))
    picture = sent(content)
    assert picture.media_type == "image/png"
    assert opened(picture).info == {}
    assert {content[at : at + 4] for content in [picture.content] for at in _chunks(content)} == {
        b"IHDR", b"IDAT", b"IEND",
    }  # fmt: skip


def _chunks(content: bytes) -> list[int]:
    found, at = [], 8
    while at < len(content):
        found.append(at + 4)
        at += 12 + struct.unpack(">I", content[at : at + 4])[0]
    return found


def test_colours_are_those_of_the_pictures_own_profile() -> None:
    photo = encoded(plain(colour=RED), "JPEG", quality=95, icc_profile=a_profile(is_odd=True))
    assert is_near(opened(sent(photo)).getpixel((5, 5)), BLUE)


@pytest.mark.parametrize("profile", [b"nonsense", a_profile(is_odd=False)[:200]])
def test_a_damaged_profile_costs_nobody_their_picture(profile: bytes) -> None:
    photo = encoded(plain(colour=RED), "JPEG", quality=95, icc_profile=profile)
    assert is_near(opened(sent(photo)).getpixel((5, 5)), RED)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP"])
def test_the_files_name_decides_nothing(kind: str) -> None:
    assert is_near(opened(sent(encoded(plain(), kind), "photo.pdf")).convert("RGB").getpixel((5, 5)), GREEN)


@pytest.mark.parametrize("mode", ["1", "L", "CMYK", "P", "RGBA", "LA"])
def test_every_colour_mode_becomes_what_screens_show(mode: str) -> None:
    kind = "JPEG" if mode == "CMYK" else "PNG"
    shown = opened(sent(encoded(plain(colour="white").convert(mode), kind)))
    assert shown.mode in ("RGB", "RGBA")
    assert is_near(shown.convert("RGB").getpixel((5, 5)), (255, 255, 255))


def test_a_transparent_logo_stays_transparent() -> None:
    logo = plain(mode="RGBA", colour=(0, 0, 0, 0))
    logo.paste((*RED, 255), (0, 0, 20, 20))
    shown = opened(sent(encoded(logo, "PNG")))
    assert (shown.getpixel((5, 5)), shown.getpixel((35, 5))[3]) == ((*RED, 255), 0)


def test_a_phones_jpeg_with_a_second_picture_inside_is_a_photograph() -> None:
    depth = plain(colour=BLUE)
    content = encoded(plain(colour=RED), "MPO", save_all=True, append_images=[depth])
    assert is_near(opened(sent(content)).getpixel((5, 5)), RED)


@pytest.mark.slow
def test_five_heavy_pictures_fit_what_each_channel_takes() -> None:
    noise = encoded(Image.frombytes("RGB", (1900, 1000), os.urandom(1900 * 1000 * 3)), "JPEG", quality=90)
    versions = make_versions([(f"{number}.jpg", noise) for number in range(5)])
    assert set(versions) == {Channel.SMS, Channel.EMAIL}
    for channel, pictures in versions.items():
        assert len(pictures) == 5
        assert sum(len(one.content) for one in pictures) <= CAPS[channel].total
        assert all(max(opened(one).size) <= CAPS[channel].side for one in pictures)


@pytest.mark.slow
def test_a_photograph_goes_in_the_size_of_its_channel() -> None:
    versions = make_versions([("a.jpg", encoded(plain((4000, 3000)), "JPEG"))])
    assert {channel: (one.width, one.height) for channel, [one] in versions.items()} == {
        Channel.SMS: (1280, 960), Channel.EMAIL: (1600, 1200),
    }  # fmt: skip


@pytest.mark.parametrize("size", [(20_000, 1), (1, 3000), (1, 1)])
def test_a_thin_picture_stays_a_picture(size: tuple[int, int]) -> None:
    assert min(opened(sent(encoded(plain(size), "PNG"))).size) == 1


@pytest.mark.slow
def test_a_logo_fits_into_a_page_and_the_same_file_gives_the_same_picture() -> None:
    drawing = Image.effect_mandelbrot((900, 600), (-2, -1.5, 1, 1.5), 60).convert("RGB")
    drawing.putalpha(Image.linear_gradient("L").resize((900, 600)))
    for original in (encoded(plain((900, 300)), "PNG"), encoded(drawing, "PNG"), os_noise((900, 900))):
        logo = make_logo("logo.png", original)
        assert len(logo.content) <= LOGO.total
        assert max(logo.width, logo.height) <= LOGO.side
        assert make_logo("other.png", original) == logo
        opened(logo)
    assert opened(make_logo("logo.png", encoded(drawing, "PNG"))).has_transparency_data
    with pytest.raises(PictureRefused, match=r"logo\.svg is an SVG drawing"):
        make_logo("logo.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>")


def os_noise(size: tuple[int, int]) -> bytes:
    """A photograph at its worst: nothing in it repeats."""
    return encoded(Image.frombytes("RGB", size, os.urandom(size[0] * size[1] * 3)), "JPEG")


def test_more_than_five_pictures_are_refused() -> None:
    with pytest.raises(PictureRefused, match="6 pictures were given; at most 5 go along"):
        make_versions([("a.jpg", encoded(plain(), "JPEG"))] * 6)


def test_no_pictures_are_no_fault() -> None:
    assert all(pictures == [] for pictures in make_versions([]).values())


def moving(kind: str) -> bytes:
    return encoded(plain(), kind, save_all=True, append_images=[plain(colour=RED)], duration=100)


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that says how large it will be, and would be."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(bytes(100_000)))
        + chunk(b"IEND", b"")
    )


PHOTO = encoded(Image.effect_noise((400, 300), 50).convert("RGB"), "JPEG")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "is empty"),
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "SVG drawing or a web page"),
        (b"\n<!DOCTYPE html><img src=x>", "SVG drawing or a web page"),
        (b"%PDF-1.7 ...", "is a PDF"),
        (b"\x00\x00\x00\x18ftypheic\x00\x00", "HEIC"),
        (encoded(plain(), "GIF")[:-12], "cut off or damaged"),
        (b"just words", "not a JPEG, PNG, still GIF or still WebP"),
        (encoded(plain(), "TIFF"), "not a JPEG"),
        (encoded(plain(), "BMP"), "not a JPEG"),
        (PHOTO[: len(PHOTO) // 2], "cut off or damaged"),
        (encoded(Image.effect_noise((400, 300), 50), "PNG")[:5000], "cut off or damaged"),
        (moving("GIF"), "moves"),
        (moving("WEBP"), "moves"),
        (moving("PNG"), "moves"),
        (bomb(30_000, 30_000), "has far more pixels; at most 50 million"),
        (bomb(9_000, 9_000), "has 9,000 × 9,000 pixels"),
        (bomb(1_000_000, 2), "has 1,000,000 × 2 pixels"),
        (encoded(plain(mode="I;16", colour=9), "PNG"), "16 bits"),
        (PHOTO[:-2] + b"\xff\xda\x00\x00" * 101, "more than 100 layers"),
    ],
)  # fmt: skip
def test_anything_else_is_refused_and_says_how_to_mend_it(content: bytes, why: str) -> None:
    good = encoded(plain(), "JPEG")
    with pytest.raises(PictureRefused, match=why) as refused:
        make_versions([("good.jpg", good), ("second.jpg", content)])
    assert str(refused.value).startswith("second.jpg ")
    assert any(word in str(refused.value) for word in ("Save", "save"))


def test_a_huge_file_is_refused_before_anything_looks_into_it() -> None:
    with pytest.raises(PictureRefused, match=r"^a.jpg has more than 25 MB"):
        make_versions([("a.jpg", PHOTO + bytes(LARGEST_FILE))])
