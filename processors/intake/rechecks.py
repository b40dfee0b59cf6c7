"""What a batch asks to be looked at again, after all of its own locks (step 7)."""

from collections.abc import Collection, Iterator

from processors.intake.matched_batch import MatchedBatch
from processors.intake.order_folding import FoldedOrders
from processors.intake.tracking_snapshot import NOTHING, is_unchanged
from rules.order.carrier_reports import numbers_of
from rules.order.facts import OrderFacts
from schemas.ids import Micros
from store.carriers import awaiting_order, tracking
from store.carriers.tracking import ANY_MERCHANT, NumberKey
from store.ledger import redemptions
from store.postgres.session import Cursor
from store.streams import recheck
from store.streams.recheck import RecheckKind, RecheckRequest


def enqueue_rechecks(cursor: Cursor, folded: FoldedOrders, matched: MatchedBatch) -> None:
    """Asks for reports whose order may be another one now, in the transaction that made it so.

    These are reports of ambiguous numbers, reports that wait for an order of this batch, and
    those of numbers that an order of it has taken or let go.
    """
    moved: dict[NumberKey, Micros] = {}
    for key, at in _moved_numbers(folded):
        moved[key] = max(at, moved.get(key, at))
    if moved:
        for key in _contested(cursor, moved.keys(), matched):
            matched.recheck(key, moved[key])
    new = sorted(key for key, row in folded.rows.items() if row.new)
    if new:
        awaited = set(awaiting_order.awaited(cursor, sorted({order_id for _, order_id in new})))
        for order in new:
            if order[1] in awaited:
                at = folded.triggers[order].occurred_at if order in folded.triggers else 0
                matched.recheck((awaiting_order.ORDER_KEY_PREFIX + order[1], ANY_MERCHANT), at)
    # Points may have been captured on an order before it was heard of (account.md 5).
    redeemed = redemptions.awaited(cursor, new) if new else ()
    recheck.add(
        cursor,
        [
            *[
                RecheckRequest(RecheckKind.NUMBER, merchant_no, key, since_us=at)
                for (key, merchant_no), at in sorted(matched.recheck_keys.items())
            ],
            *[RecheckRequest(RecheckKind.ORDER, *key) for key in sorted(redeemed)],
        ],
    )


def _moved_numbers(folded: FoldedOrders) -> Iterator[tuple[NumberKey, Micros]]:
    """The numbers of orders that have other numbers now, or another creation or member.

    Each with the time of the event that made it so. The orders are locked: whoever claims one of
    their numbers later will wait for us, and a claim made before is seen.
    """
    for key, trigger in folded.triggers.items():
        row = folded.rows[key]
        if row.new:
            continue  # what it names is claimed in this very batch
        before = folded.before.get(key, NOTHING)
        if not is_unchanged(before, row.facts):
            was = OrderFacts(before.record, parcels=before.parcels)
            for number in numbers_of(row.facts) | numbers_of(was):
                yield (number, row.merchant_no), trigger.occurred_at


def _contested(
    cursor: Cursor, numbers: Collection[NumberKey], matched: MatchedBatch
) -> Iterator[NumberKey]:
    """Those of the numbers that several orders of the merchant have named."""
    locked = matched.numbers
    for number in locked.keys() & numbers:
        if locked[number].is_contested:
            yield number
    # A number in `claimed` has one order only.
    rest = sorted(set(numbers) - locked.keys() - matched.claimed.keys())
    if rest:
        for number, row in tracking.read_claims(cursor, rest).items():
            if row.is_contested:
                yield number
