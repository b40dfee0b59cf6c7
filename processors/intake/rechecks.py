"""What a batch asks to be looked at again, after all of its own locks (step 7)."""

from collections.abc import Iterator

from processors.intake.order_folding import FoldedOrders
from processors.intake.report_matching import MatchedBatch
from processors.intake.tracking_snapshot import NOTHING, is_unchanged
from rules.order.carrier_reports import numbers_of
from rules.order.facts import OrderFacts
from store.carriers import awaiting_order, tracking
from store.postgres.session import Cursor
from store.streams import recheck
from store.streams.recheck import RecheckKind, RecheckRequest


def enqueue_rechecks(cursor: Cursor, folded: FoldedOrders, matched: MatchedBatch) -> None:
    """Asks for reports whose order may be another one now, in the transaction that made it so.

    These are reports of ambiguous numbers, reports that wait for an order of this batch, and
    those of numbers that an order of it has taken or let go.
    """
    keys = matched.recheck_keys
    moved = set(_moved_numbers(folded))
    if moved:
        keys.update(_ambiguous(cursor, moved, matched))
    new = sorted({row.order_id for row in folded.rows.values() if row.new})
    if new:
        parked = awaiting_order.awaited(cursor, new)
        keys.update(awaiting_order.ORDER_KEY_PREFIX + order_id for order_id in parked)
    kind = RecheckKind.NUMBER
    recheck.add(cursor, [RecheckRequest(kind, 0, key) for key in sorted(keys)])


def _moved_numbers(folded: FoldedOrders) -> Iterator[bytes]:
    """The numbers of orders that have other numbers now, or another time of creation.

    The orders are locked: whoever claims one of their numbers later will wait for us, and a claim
    made before is seen.
    """
    for key in folded.triggers:
        row = folded.rows[key]
        if row.new:
            continue  # what it names is claimed in this very batch
        before = folded.before.get(key, NOTHING)
        if not is_unchanged(before, row.facts):
            yield from numbers_of(row.facts)
            yield from numbers_of(OrderFacts(before.record, parcels=before.parcels))


def _ambiguous(cursor: Cursor, numbers: set[bytes], matched: MatchedBatch) -> Iterator[bytes]:
    """Those of the numbers that several orders have named."""
    locked = matched.numbers
    for number in numbers & locked.keys():
        if locked[number].is_contested:
            yield number
    # A number in `claimed` has one order only.
    rest = sorted(numbers - locked.keys() - matched.claimed.keys())
    if rest:
        for number, row in tracking.read_claims(cursor, rest).items():
            if row.is_contested:
                yield number
