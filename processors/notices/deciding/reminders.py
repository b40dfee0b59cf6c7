"""What time decides: what was parked, and reminders of points that lapse.

timer = Timer(configuration, seals)
timer.use(connection)          a connection of its own
while timer.turn(): …          a transaction each; False when there is nothing to do for now

A reminder's instant is that of the lapse less so many days. It stands for the event that others
have: so the same member, lapse and days make the same notice for ever.
"""

import time
from collections.abc import Iterator
from typing import Final, NamedTuple

from processors.notices.deciding.changes import count_decided, limits_of
from processors.notices.deciding.decider import Decider
from processors.notices.deciding.parking import decide_parked
from processors.notices.deciding.reasons import Seals
from processors.runtime.notices_configuration import NoticesConfiguration
from rules.notices.shop import ShopInForce
from schemas.ids import DAY, Micros
from schemas.notices.ids import reminder_id
from schemas.notices.points_change import PointsChange
from store.notices import settings
from store.notices.deciding import expiring, parked
from store.notices.deciding.expiring import Lapsing
from store.postgres.session import Cursor, Database, transaction

PIECE: Final = 1000
"""Accounts, or parked changes, that one transaction decides."""
LOOK_SECONDS: Final = 60.0
"""Between two looks at all shops; a reminder may be an hour late."""
EVERY: Final[Micros] = DAY // 24
"""How far the window of lapses must have moved before a shop is looked at again."""
REMINDER_TYPE: Final = "expiring"


class Look(NamedTuple):
    """A look at a shop's points that lapse in a window, so many days ahead."""

    merchant_no: int
    merchant_id: str
    days: int
    since: Micros
    until: Micros


class Timer:
    """Decides what is due by time, in pieces."""

    def __init__(self, configuration: NoticesConfiguration, seals: Seals | None) -> None:
        """As ChangesBatches."""
        self._limits = limits_of(configuration)
        self._decider = Decider(self._limits, seals)
        self._looks: Iterator[Look] = iter(())
        self._look: Look | None = None
        self._after = 0
        self._look_at = 0.0

    def use(self, connection: Database) -> None:
        """Goes on with a new connection, and looks at everything anew."""
        self._connection = connection
        self._looks, self._look, self._look_at = iter(()), None, 0.0

    def turn(self) -> bool:
        """Decides a piece; whether there may be more at once."""
        return self._decide_parked() or self._remind()

    def _decide_parked(self) -> bool:
        with transaction(self._connection) as cursor:
            if not parked.ready(cursor, 1):
                return False
            parked.take_turns(cursor)
            now, _ = expiring.now_and_epoch(cursor)
            taken, decided = decide_parked(cursor, self._decider, now, PIECE)
        count_decided(decided)
        return taken > 0

    def _remind(self) -> bool:
        """Goes on with the look in hand, or takes the next one, or gathers new ones."""
        if self._look is None:
            self._look, self._after = next(self._looks, None), 0
        if self._look is None:
            if time.monotonic() < self._look_at:
                return False
            self._look_at = time.monotonic() + LOOK_SECONDS
            with transaction(self._connection) as cursor:
                self._looks = iter(self._due(cursor))
            return True
        return self._piece(self._look)

    def _due(self, cursor: Cursor) -> list[Look]:
        """What is to be looked at now. The first window of a shop begins where nothing is late."""
        now, _ = expiring.now_and_epoch(cursor)
        shops = dict(expiring.reminded(cursor))
        looks = []
        for number, shop in settings.in_force(cursor, shops).items():
            looked = expiring.looked(cursor, number)
            for days in shop.notices.expiring.days:
                until = now + days * DAY
                since = max(looked.get(days, 0), until - self._limits.too_old)
                if until - since >= EVERY:
                    looks.append(Look(number, shop.merchant_id, days, since, until))
        return looks

    def _piece(self, look: Look) -> bool:
        with transaction(self._connection) as cursor:
            if not expiring.try_turn(cursor):
                self._look = None  # another worker is at it
                return False
            now, _ = expiring.now_and_epoch(cursor)
            shop = settings.in_force(cursor, [look.merchant_no])[look.merchant_no]
            if look.days not in shop.notices.expiring.days:
                self._look = None  # the shop wants other days by now
                return True
            number = expiring.ledger_number(cursor, look.merchant_id)
            window = look.since, look.until
            found = (
                []
                if number is None
                else expiring.lapsing(cursor, number, window, self._after, PIECE)
            )
            changes = [_lapse(shop, look.days, each) for each in found]
            decided = self._decider.remind(cursor, changes, shop, now).decided if found else {}
            if len(found) < PIECE:
                expiring.look(cursor, look.merchant_no, look.days, look.until)
        count_decided(decided)
        if len(found) < PIECE:
            self._look = None
        else:
            self._after = found[-1].account_no
        return True


def _lapse(shop: ShopInForce, days: int, lapsing: Lapsing) -> PointsChange:
    """The lapse as if it were a change of points, recorded when members are to be reminded."""
    return PointsChange(
        event_id=reminder_id(shop.merchant_id, lapsing.member_id, lapsing.expires_us, days),
        type=REMINDER_TYPE,
        merchant_id=shop.merchant_id,
        member_id=lapsing.member_id,
        sequence=lapsing.sequence,
        points=lapsing.points,
        available=lapsing.available,
        expires_us=lapsing.expires_us,
        order_id=None,
        cause=REMINDER_TYPE,
        notify_email=False,
        notify_sms=False,
        reason=None,
        recorded_us=lapsing.expires_us - days * DAY,
    )
