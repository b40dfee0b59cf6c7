"""A campaign's banner is what its bytes are, whatever its name or anybody says (account.md 6)."""

import hashlib
import struct
import zlib

import pytest

from schemas.campaigns import BannerBroken, BannerSize, BannerType, read_banner
from schemas.campaigns.banners import MAX_BYTES
from tests.support.bad_input.banners import image


@pytest.mark.parametrize(
    ("form", "name", "type_"),
    [
        ("PNG", "summer.png", "png"),
        ("PNG", "SUMMER.PNG", "png"),
        ("PNG", "summer", "png"),
        ("JPEG", "a/b.c/summer.jpg", "jpeg"),
        ("JPEG", "summer.jpeg", "jpeg"),
    ],
)
def test_type_size_and_digest_are_those_of_the_bytes(form: str, name: str, type_: str) -> None:
    content = image(form)
    banner = read_banner(content, name=name)
    assert (banner.type, banner.width, banner.height) == (type_, 40, 20)
    assert (banner.bytes, banner.sha256) == (len(content), hashlib.sha256(content).hexdigest())


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (image("GIF"), "summer.gif"),
        (image("GIF"), "summer.png"),
        (image("WEBP"), "summer.jpg"),
        (b"%PDF-1.7 and so on", "summer.png"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "summer.svg"),
        (image("PNG"), "summer.jpg"),
        (image("JPEG"), "summer.png"),
        (image("JPEG"), "summer.gif"),
        (image("PNG"), "summer.txt"),
    ],
)
def test_a_banner_that_lies_about_its_type_is_refused(content: bytes, name: str) -> None:
    with pytest.raises(BannerType):
        read_banner(content, name=name)


@pytest.mark.parametrize("size", [(1921, 1), (1, 401), (1921, 401), (30000, 2)])
@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_too_many_pixels_are_refused(form: str, size: tuple[int, int]) -> None:
    with pytest.raises(BannerSize, match=f"{size[0]} × {size[1]}"):
        read_banner(image(form, size), name="summer")


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_as_many_pixels_as_allowed_are_taken(form: str) -> None:
    banner = read_banner(image(form, (1920, 400)), name="summer")
    assert (banner.width, banner.height) == (1920, 400)


def padded(content: bytes, size: int) -> bytes:
    """A PNG made as long as wanted by a chunk that says nothing."""
    filling = bytes(size - len(content) - 12)
    chunk = b"prIv" + filling
    return (
        content[:33]
        + struct.pack(">I", len(filling))
        + chunk
        + struct.pack(">I", zlib.crc32(chunk))
        + content[33:]
    )


def test_two_mebibytes_are_taken_and_one_byte_more_is_not() -> None:
    assert read_banner(padded(image(), MAX_BYTES), name="summer.png").bytes == MAX_BYTES
    with pytest.raises(BannerSize, match="2,097,152 bytes"):
        read_banner(padded(image(), MAX_BYTES + 1), name="summer.png")


def test_pixels_are_counted_before_anything_is_decoded() -> None:
    """A few bytes may claim an image that fills the memory."""
    header = b"IHDR" + struct.pack(">IIBBBBB", 2**31 - 1, 2**31 - 1, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    with pytest.raises(BannerSize):
        read_banner(image()[:8] + chunk + image()[33:], name="summer.png")


@pytest.mark.parametrize(
    "content",
    [
        image("PNG", (12, 6)),
        image("JPEG", (12, 6), quality=30),
        image("JPEG", (12, 6), quality=30, progressive=True),
    ],
    ids=["png", "jpeg", "progressive"],
)
def test_a_banner_that_is_cut_off_anywhere_is_broken(content: bytes) -> None:
    read_banner(content, name="summer")
    for length in range(len(content)):
        with pytest.raises(BannerBroken):
            read_banner(content[:length], name="summer")


def test_a_png_with_a_changed_byte_is_broken() -> None:
    content = bytearray(image())
    content[len(content) // 2] ^= 0xFF
    with pytest.raises(BannerBroken):
        read_banner(bytes(content), name="summer.png")


@pytest.mark.parametrize("signature", [b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0"])
def test_noise_behind_a_signature_is_broken(signature: bytes) -> None:
    with pytest.raises(BannerBroken):
        read_banner(signature + b"nothing of the kind" * 50, name="summer")
