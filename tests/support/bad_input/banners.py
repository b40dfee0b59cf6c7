"""Banners for tests, made by the library that reads them."""

import io
from typing import Any

from PIL import Image


def image(form: str = "PNG", size: tuple[int, int] = (40, 20), **options: Any) -> bytes:
    """An image with noise in it, so that compression leaves something to cut off."""
    buffer = io.BytesIO()
    Image.effect_noise(size, 80).convert("RGB").save(buffer, form, **options)
    return buffer.getvalue()
