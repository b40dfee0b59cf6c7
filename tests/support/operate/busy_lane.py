"""The notices lane beside an engine: its providers, and shops that tell their members."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from deploy.local.sinks.process import SinksProcess
from store.notices import settings
from tests.support.engine import Engine
from tests.support.notices.decided import customer
from tests.support.notices.lane import as_lane, keys_in
from tests.support.notices.running import environment_of
from tests.support.notices.texts import at_any_hour, content
from tests.support.upstream import Json, Record

KINDS = {"earned": True, "assigned": True}
MANY_A_SECOND = "1000"


class BusyLane:
    """What both workers are told, and the shops whose members they tell by e-mail and SMS."""

    def __init__(self, engine: Engine, sinks: SinksProcess) -> None:
        """Nothing runs yet: whoever starts the workers gives them `environment`."""
        self.engine, self.sinks = engine, sinks
        self.key_file = keys_in(engine.folder)
        self.environment: Mapping[str, str] = {
            **environment_of(engine.folder, sinks),
            "POINTS_SMTP__RATE": MANY_A_SECOND,
            "POINTS_MITAKE__RATE": MANY_A_SECOND,
            "POINTS_NOTICES__ENABLED": "true",
        }

    def settle_in(self, shops: Iterable[str], **sms: Any) -> None:
        """These shops tell of what is earned and given, at any time of the day.

        `sms` are further settings of their SMS.
        """
        loaded = at_any_hour(**content(kinds=KINDS, monthly_limit_parts=100_000, **sms))
        with as_lane(self.engine.database_url) as connection:
            for shop in shops:
                settings.apply(connection, shop, loaded, "test")

    def know(self, members: Iterable[tuple[str, str]]) -> None:
        """Addresses and numbers of these members of shops, as the platform sends them."""
        self.engine.produce(
            Record("customers", member, orjson.dumps(_contact(shop, member, number)))
            for number, (shop, member) in enumerate(members)
        )

    def notices(self, where: str = "true") -> int:
        """How many notices there are of which this is true."""
        return int(self.engine.value(f"SELECT count(*) FROM notices.notice WHERE {where}"))


def _contact(shop: str, member: str, number: int) -> Json:
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return customer(
        shop,
        member,
        mobile_phone=f"09{number % 10**8:08d}",
        status="active",
        created_at="2024-01-01T00:00:00Z",
        updated_at=now,
    )
