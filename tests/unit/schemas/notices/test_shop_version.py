"""A version of a shop's points settings as the notices lane reads it."""

from typing import Any

import orjson
import pytest

from schemas.notices.shop_version import read_shop_version
from schemas.upstream.envelope import Unreadable


@pytest.mark.parametrize("wrong", ["languages", "modules"])
def test_of_a_list_only_the_first_wrong_item_is_told(wrong: str) -> None:
    """What is wrong with each of half a million takes hundreds of megabytes to say."""
    settings: dict[str, Any] = {
        "timezone": "Asia/Taipei",
        "languages": ["en"],
        "enabled": True,
        "entitlement": {"plan": "enterprise", "modules": []},
    }
    (settings if wrong == "languages" else settings["entitlement"])[wrong] = [1] * 1000
    version = {"merchant_id": "shop", "version": 1, "effective_at": "2024-01-01T00:00:00Z"}
    content = {"type": "settings_changed", "settings": settings, **version}
    with pytest.raises(Unreadable) as refused:
        read_shop_version(orjson.dumps(content))
    place = "settings.languages.0" if wrong == "languages" else "settings.entitlement.modules.0"
    assert str(refused.value).startswith(f"{place}: Input should be a valid string")
    assert f"{wrong}.1" not in str(refused.value)
