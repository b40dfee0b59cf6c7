"""Shops as the lane knows them: their numbers, their points settings, and what is in force of all.

A shop has a number of the lane's own as soon as anything names it. It is heard of once a version of
its points settings was, which says its zone and languages; until then nothing is decided for it.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from rules.notices.shop import ShopInForce
from schemas.ids import Micros
from schemas.notices.shop_version import ShopVersion
from store.notices import settings
from store.postgres.named_queries import queries
from store.postgres.session import Cursor

_SQL: Final = queries("notices/shops")


def learn(cursor: Cursor, merchant_ids: Iterable[str]) -> dict[str, int]:
    """The numbers of these shops; those that have none are given one."""
    wanted = sorted(set(merchant_ids))
    known = numbers(cursor, wanted)
    new = [merchant_id for merchant_id in wanted if merchant_id not in known]
    if new:
        cursor.execute(_SQL["learn"], [new])
        known |= numbers(cursor, new)
    return known


def numbers(cursor: Cursor, merchant_ids: Collection[str]) -> dict[str, int]:
    """The numbers of those of these shops that have one."""
    if not merchant_ids:
        return {}
    return dict(cursor.execute(_SQL["numbers"], [sorted(merchant_ids)]).fetchall())


def add_versions(cursor: Cursor, versions: Sequence[ShopVersion]) -> set[tuple[str, int]]:
    """Keeps versions of points settings; (merchant, version) of those that are new.

    Moves the epoch, so that every process reads again.
    """
    if not versions:
        return set()
    known = learn(cursor, {version.merchant_id for version in versions})
    ids = {number: merchant_id for merchant_id, number in known.items()}
    added: set[tuple[str, int]] = set()
    for version in versions:
        cursor.execute(
            _SQL["add_version"],
            [
                known[version.merchant_id],
                version.version,
                version.effective_us,
                version.settings.timezone,
                list(version.settings.languages),
                version.settings.enabled,
                version.entitled,
            ],
        )
        added.update((ids[number], one) for number, one in cursor.fetchall())
    if added:
        cursor.execute(_SQL["next_epoch"])
    return added


def heard_of(cursor: Cursor, merchant_ids: Collection[str]) -> dict[str, int]:
    """The numbers of those of these shops for which can be decided.

    Their settings were heard of, and nothing that was recorded before is still parked.
    """
    return dict(cursor.execute(_SQL["heard_of"], [sorted(merchant_ids)]).fetchall())


class Shops:
    """What a process remembers of shops: those in hand, until the epoch moves."""

    def __init__(self) -> None:
        self._epoch = -1
        self._heard: dict[str, int] = {}
        self._in_force: dict[int, ShopInForce] = {}

    def deciding(
        self, cursor: Cursor, merchant_ids: Collection[str], now: Micros, epoch: int
    ) -> Mapping[str, ShopInForce]:
        """What is in force of those of these shops for which can be decided, by their ids.

        `now` and `epoch` are those that the caller's transaction began with.
        """
        if unmet := [each for each in merchant_ids if each not in self._heard]:
            # Once nothing is parked any more, nothing ever will be: that is worth remembering.
            self._heard |= heard_of(cursor, unmet)
        wanted = [self._heard[each] for each in merchant_ids if each in self._heard]
        found = self.in_force(cursor, wanted, now, epoch)
        return {shop.merchant_id: shop for shop in found.values()}

    def in_force(
        self, cursor: Cursor, merchant_nos: Collection[int], now: Micros, epoch: int
    ) -> Mapping[int, ShopInForce]:
        """As `store.notices.settings.in_force`, remembered."""
        if epoch != self._epoch:
            self._epoch = epoch
            self._in_force.clear()
        known = self._in_force
        stale = [no for no in merchant_nos if no not in known or known[no].until <= now]
        if stale:
            known.update(settings.in_force(cursor, stale))
        return {no: known[no] for no in merchant_nos if no in known}


def page(cursor: Cursor, after: int, limit: int) -> list[int]:
    """The numbers of the next shops after a number."""
    return [number for (number,) in cursor.execute(_SQL["page"], [after, limit]).fetchall()]
