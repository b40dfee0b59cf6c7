"""A notice in hand keeps what tells later whether its member has still the same address."""

from datetime import timedelta
from uuid import uuid4

from processors.notices.directory.port import MemberKey
from processors.notices.sending.in_hand.hand import Ready
from processors.notices.sending.in_hand.preparing import Background, Preparing
from processors.notices.sending.ports import Outside, Shop
from processors.notices.sending.wiring import OurWording
from processors.runtime.notices_configuration import NoticesConfiguration
from rules.notices.outcomes import Custom
from rules.notices.values import Contact
from schemas.ids import DAY
from schemas.notices.words import Channel, Kind, State
from store.notices.sending.queue import Taken
from tests.support.notices.texts import ZONE, notice_settings

NOW = 1_790_000_000_000_000
EMAIL = "ann@t\u00e9a.example"


class Seals:
    """Tells what it was asked for."""

    def open(self, merchant_no: int, member_id: str, field: str, sealed: bytes | None) -> None:
        del merchant_no, member_id, field, sealed

    def hmac(self, merchant_no: int, member_id: str, text: str) -> bytes:
        del merchant_no, member_id
        return text.encode()

    def has_key(self, merchant_no: int, member_id: str) -> bool:
        del merchant_no, member_id
        return True


def test_an_address_is_remembered_as_the_directory_has_it() -> None:
    shop = Shop(
        1, "shop", ZONE, ("en",), True, True, frozenset({Channel.email}), None, "",
        "points@lantern.example", "", None, None, "hold", {}, "Lantern Tea", notice_settings(),
    )  # fmt: skip
    taken = Taken(
        uuid4(), uuid4(), 1, "ann", Kind.earned, Channel.email, State.claimed, 0, 100, 100, 1,
        None, None, None, NOW, NOW + DAY, None, None, "shop", NOW,
    )  # fmt: skip
    outside = Outside(
        shops=lambda *_: {1: shop},
        seals=lambda *_: Seals(),
        opted_out=lambda *_: {},
        lapsing=lambda *_: {},
        month_of=lambda *_: 202611,
        not_before=lambda now, *_: now,
        wording=OurWording(NoticesConfiguration()),
    )
    preparing = Preparing("smtp", Channel.email, Custom(True, timedelta(0)), outside)
    contacts = {MemberKey(1, "shop", "ann"): Contact("Ann", "en", EMAIL, None)}
    prepared = preparing.prepare([taken], Background({1: shop}, Seals(), {}, NOW), contacts)
    (ready,) = prepared.ready
    assert isinstance(ready, Ready)
    assert ready.to == "ann@xn--ta-bja.example"
    assert ready.address_hmac == EMAIL.encode()
