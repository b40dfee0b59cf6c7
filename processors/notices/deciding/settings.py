"""Batches of points.settings.v1: versions of shops' points settings, which say zone and languages.

Whoever hears of a shop for the first time decides what was parked for it, the first of it at once.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

from processors.notices.deciding.changes import count_decided, limits_of
from processors.notices.deciding.decider import Decider
from processors.notices.deciding.parking import decide_parked
from processors.notices.deciding.reading import read_all
from processors.notices.deciding.reasons import Seals
from processors.pipeline.pipeline import PoisonRecord
from processors.runtime.kafka.feed import Record
from processors.runtime.notices_configuration import NoticesConfiguration
from schemas.notices.shop_version import read_shop_version
from schemas.notices.words import Channel, State
from store.notices import shops
from store.notices.deciding import parked
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
        versions, poison = read_all(records, counts, lambda _, value: read_shop_version(value))
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
