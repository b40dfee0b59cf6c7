"""Batches of points.changed.v1: each change of a member's points, and which notices it makes.

Every record has one outcome (I7): `applied` makes notices, `duplicate` made them before, `ignored`
makes none (and why), `parked` waits until its shop is heard of; what is returned is poison.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from uuid import UUID

from processors import metrics
from processors.notices.deciding.decider import Decider, Outcome
from processors.notices.deciding.reading import read_all
from processors.notices.deciding.reasons import Seals, seal_reasons
from processors.pipeline.pipeline import PoisonRecord
from processors.runtime.kafka.feed import Record
from processors.runtime.notices_configuration import NoticesConfiguration
from rules.notices.deciding import FIRST_MONDAY, FUTURE, Limits
from rules.notices.shop import ShopInForce
from schemas.ids import HOUR, Micros
from schemas.notices.points_change import PointsChange, read_change
from schemas.notices.words import Channel, State
from schemas.upstream.envelope import Unreadable
from store.notices import shops
from store.notices.deciding import parked
from store.notices.shops import Shops
from store.postgres.session import Cursor, Database
from store.streams.cursors import Counts, Opening, PartitionId


def limits_of(configuration: NoticesConfiguration) -> Limits:
    """How old a change may be to be told, and how long its notice may wait."""
    return Limits(
        too_old=configuration.too_old_hours * HOUR,
        mail=configuration.email_hours * HOUR,
        sms=configuration.sms_hours * HOUR,
    )


def count_decided(decided: Mapping[tuple[Channel, State], int]) -> None:
    """Counts what was decided, once it is committed."""
    for (channel, state), notices in decided.items():
        metrics.NOTICES_DECIDED.labels(channel, state).inc(notices)


class ChangesBatches:
    """Decides what members are told of changes of their points."""

    def __init__(self, configuration: NoticesConfiguration, seals: Seals | None) -> None:
        """`seals` keeps free texts, for members only; without it they are not kept."""
        self._decider = Decider(limits_of(configuration), seals)
        self._seals = seals
        self._shops = Shops()
        self._decided: Counter[tuple[Channel, State]] = Counter()

    def use(self, connection: Database) -> None:
        """Goes on with a new connection, and forgets what was remembered from the old one."""
        del connection  # everything goes through the batch's cursor
        self._shops = Shops()

    def process(
        self,
        cursor: Cursor,
        records: Sequence[Record],
        opening: Opening,
        counts: Mapping[PartitionId, Counts],
    ) -> list[PoisonRecord]:
        """Makes the notices of a batch, and counts what became of each record; the poison."""
        self._decided = Counter()
        latest = opening.now + FUTURE
        read, poison = read_all(records, counts, lambda _, value: _change(value, latest))
        if not read:
            return poison
        changes = [change for _, change in read]
        known = self._known(cursor, changes, opening)
        parked_now = self._park(cursor, changes, known, opening.now)
        mine = [change for change in changes if change.merchant_id in known]
        outcome = self._decider.decide(cursor, mine, known, opening.now) if mine else Outcome()
        _count(read, known, parked_now, outcome, counts)
        self._decided = outcome.decided
        return poison

    def committed(self) -> None:
        """To be called once the transaction of the last batch is committed: counts it."""
        count_decided(self._decided)
        self._decided = Counter()

    def _known(
        self, cursor: Cursor, changes: Sequence[PointsChange], opening: Opening
    ) -> Mapping[str, ShopInForce]:
        """The shops for which can be decided now."""
        merchants = {change.merchant_id for change in changes}
        known = self._shops.deciding(cursor, merchants, opening.now, opening.epoch)
        if len(known) == len(merchants):
            return known
        # Under the lock that whoever hears of shops takes: what it has not seen yet, we see now.
        parked.share(cursor)
        return self._shops.deciding(cursor, merchants, opening.now, opening.epoch)

    def _park(
        self,
        cursor: Cursor,
        changes: Sequence[PointsChange],
        known: Mapping[str, ShopInForce],
        now: Micros,
    ) -> set[UUID]:
        """Parks the changes of shops that are not known; the events that were not parked yet."""
        unknown = [change for change in changes if change.merchant_id not in known]
        if not unknown:
            return set()
        numbers = shops.learn(cursor, {change.merchant_id for change in unknown})
        sealed = seal_reasons(
            cursor, self._seals, [(numbers[change.merchant_id], change) for change in unknown]
        )
        return parked.put(
            cursor,
            [each._replace(sealed_reason=sealed.get(each.event_id)) for each in unknown],
            now,
        )


def _change(value: bytes, latest: Micros) -> PointsChange:
    change = read_change(value)
    if not FIRST_MONDAY <= change.recorded_us <= latest:
        wrong = "recorded_at: lies before 1970-01-05, or more than 24 hours ahead"
        raise Unreadable("wrong_time", wrong, change.merchant_id)
    return change


def _count(
    read: Sequence[tuple[Record, PointsChange]],
    known: Mapping[str, ShopInForce],
    parked_now: set[UUID],
    outcome: Outcome,
    counts: Mapping[PartitionId, Counts],
) -> None:
    """What became of each record (I7); an event that comes twice counts once as done."""
    seen = set(outcome.repeated)
    for record, change in read:
        count, event_id = counts[record.place], change.event_id
        reason = outcome.ignored.get(event_id)
        if reason is not None:
            count.ignore(reason)
        elif event_id in seen or (change.merchant_id not in known and event_id not in parked_now):
            count.duplicate += 1
        elif change.merchant_id not in known:
            count.parked += 1
        else:
            count.applied += 1
        seen.add(event_id)
