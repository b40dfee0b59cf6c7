"""Batches of points.settings.v1: versions of shops' points settings, which say zone and languages.

Whoever hears of a shop for the first time decides what was parked for it, the first of it at once.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

from processors.notices.deciding.changes import count_decided, limits_of
from processors.notices.deciding.decider import Decider, Seals
from processors.notices.deciding.parking import decide_parked
from processors.pipeline.pipeline import PoisonRecord
from processors.runtime.kafka.feed import Record
from processors.runtime.notices_configuration import NoticesConfiguration
from schemas.notices.shop_version import ShopVersion, read_shop_version
from schemas.notices.words import Channel, State
from schemas.upstream.envelope import Unreadable
from store.notices import parked, shops
from store.postgres.session import Cursor, Database
from store.streams.cursors import Counts, Opening, PartitionId

AT_ONCE = 2000
"""Parked changes that are decided in the transaction that hears of their shop. The timer decides
the rest, so that no transaction grows with what was parked.
"""


class SettingsBatches:
    """Keeps what notices need of shops' points settings."""

    def __init__(self, configuration: NoticesConfiguration, seals: Seals | None) -> None:
        """As ChangesBatches."""
        self._decider = Decider(limits_of(configuration), seals)
        self._decided: Mapping[tuple[Channel, State], int] = Counter()

    def use(self, connection: Database) -> None:
        """Goes on with a new connection; nothing is remembered between batches."""

    def process(
        self,
        cursor: Cursor,
        records: Sequence[Record],
        opening: Opening,
        counts: Mapping[PartitionId, Counts],
    ) -> list[PoisonRecord]:
        """Keeps the versions of a batch, and counts what became of each record; the poison."""
        self._decided = Counter()
        versions, poison = _read(records, counts)
        if versions:
            # Before any shop is written: who parks takes the two in the same order.
            parked.take_turns(cursor)
            added = shops.add_versions(cursor, [version for _, version in versions])
            for record, version in versions:
                key = version.merchant_id, version.version
                counts[record.place].applied += key in added
                counts[record.place].duplicate += key not in added
                added.discard(key)
            _, self._decided = decide_parked(cursor, self._decider, opening.now, AT_ONCE)
        return poison

    def committed(self) -> None:
        """To be called once the transaction of the last batch is committed: counts it."""
        count_decided(self._decided)
        self._decided = Counter()


def _read(
    records: Sequence[Record], counts: Mapping[PartitionId, Counts]
) -> tuple[list[tuple[Record, ShopVersion]], list[PoisonRecord]]:
    versions: list[tuple[Record, ShopVersion]] = []
    poison: list[PoisonRecord] = []
    for record in records:
        value = record.message.value()
        if value is None:
            counts[record.place].ignore("null_value")
            continue
        try:
            read = read_shop_version(value)
        except Unreadable as error:
            poison.append((record, error))
            continue
        if isinstance(read, str):
            counts[record.place].ignore(read)
        else:
            versions.append((record, read))
    return versions, poison
