"""A campaign's banner, judged by its bytes and never by what somebody says of it (account.md 6)."""

import hashlib
import io
import warnings
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final, Literal

from schemas.errors import Exit, PointsError

MAX_WIDTH: Final = 1920
MAX_HEIGHT: Final = 400
MAX_BYTES: Final = 2 << 20
"""2 MiB."""

ImageType = Literal["png", "jpeg"]

_SIGNATURES: Final[dict[ImageType, bytes]] = {
    "png": b"\x89PNG\r\n\x1a\n",
    "jpeg": b"\xff\xd8\xff",
}
_ENDINGS: Final[dict[ImageType, tuple[str, ...]]] = {
    "png": (".png",),
    "jpeg": (".jpg", ".jpeg", ".jpe", ".jfif"),
}
# The last chunk of a PNG with its checksum, which decoders do not read.
_END_OF_PNG: Final = b"IEND\xaeB`\x82"


class BannerType(PointsError):
    """The banner is neither PNG nor JPEG, or its name says another type than its bytes."""

    code = "banner_type"
    exit_code = Exit.REFUSED


class BannerSize(PointsError):
    """The banner has too many bytes or pixels."""

    code = "banner_size"
    exit_code = Exit.REFUSED


class BannerBroken(PointsError):
    """The banner is cut off, or cannot be decoded."""

    code = "banner_broken"
    exit_code = Exit.REFUSED


@dataclass(frozen=True, slots=True)
class Banner:
    """A banner that was read: `width` and `height` in pixels, `sha256` of its bytes in hex."""

    type: ImageType
    width: int
    height: int
    bytes: int
    sha256: str


def read_banner(content: bytes, *, name: str) -> Banner:
    """What a banner is. `content` may be cut behind MAX_BYTES + 1; `name` is the file's.

    Type, size and soundness are looked at in this order, so that nothing large is decoded. Raises
    BannerType, BannerSize, BannerBroken.
    """
    type_ = _type_of(content, name)
    if len(content) > MAX_BYTES:
        raise BannerSize(f"{name} has more than {MAX_BYTES:,} bytes", "save it smaller", where=name)
    width, height = _size_of(content, name)
    if width > MAX_WIDTH or height > MAX_HEIGHT:
        raise BannerSize(
            f"{name} has {width} × {height} pixels",
            f"use at most {MAX_WIDTH} × {MAX_HEIGHT}",
            where=name,
        )
    _decode(content, name, type_)
    digest = hashlib.sha256(content).hexdigest()
    return Banner(type_, width, height, len(content), digest)


def _type_of(content: bytes, name: str) -> ImageType:
    if any(signature.startswith(content) for signature in _SIGNATURES.values()):
        raise _broken(name)  # empty, or cut off within the first bytes
    of = [each for each, signature in _SIGNATURES.items() if content.startswith(signature)]
    if not of:
        raise BannerType(f"{name} is neither PNG nor JPEG", "save it as one of them", where=name)
    (type_,), ending = of, PurePath(name).suffix.lower()
    if ending and ending not in _ENDINGS[type_]:
        raise BannerType(
            f"{name} is {type_.upper()} by its bytes, and its name says {ending}",
            f"name it {_ENDINGS[type_][0]}, or take the right file",
            where=name,
        )
    return type_


def _size_of(content: bytes, name: str) -> tuple[int, int]:
    """Width and height by the header; nothing is decoded."""
    from PIL import Image  # noqa: PLC0415 - slow to import, and only `campaign apply` needs it

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=("PNG", "JPEG")) as image:
                return image.size
    except Image.DecompressionBombError:
        raise BannerSize(
            f"{name} has far too many pixels",
            f"use at most {MAX_WIDTH} × {MAX_HEIGHT}",
            where=name,
        ) from None
    except Exception:  # noqa: BLE001 - a decoder fails over made-up bytes in many ways
        raise _broken(name) from None


def _decode(content: bytes, name: str, type_: ImageType) -> None:
    """Raises BannerBroken unless the whole image can be decoded, down to its end."""
    from PIL import Image  # noqa: PLC0415 - see above

    try:
        with Image.open(io.BytesIO(content), formats=("PNG", "JPEG")) as image:
            image.verify()  # checksums
        with Image.open(io.BytesIO(content), formats=("PNG", "JPEG")) as image:
            image.load()
    except Exception:  # noqa: BLE001 - see above
        raise _broken(name) from None
    if type_ == "png" and _END_OF_PNG not in content:
        raise _broken(name)


def _broken(name: str) -> BannerBroken:
    return BannerBroken(
        f"{name} is cut off or damaged: it cannot be decoded", "save it again", where=name
    )
