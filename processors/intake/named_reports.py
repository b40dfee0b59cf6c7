"""Reports that name an order and no merchant: each is of every merchant's order with that id.

See rules.md 6 (D18). While there is none they are parked.
"""

from collections.abc import Iterable, Mapping, Sequence

from processors.intake.matched_batch import KeyedOrders, MatchedBatch, NamedReport, ResolvedReport
from processors.pipeline.pipeline import CountsByPartition
from schemas.ids import Micros
from store.carriers import awaiting_order
from store.carriers.tracking import ANY_MERCHANT
from store.orders.orders import OrderKey
from store.postgres.interning import InternedStrings
from store.postgres.session import Cursor
from store.streams import parked_records
from store.streams.recheck import RecheckKind


def owners_of(
    cursor: Cursor,
    order_ids: Iterable[bytes],
    orders: KeyedOrders,
    matched: MatchedBatch,
) -> dict[bytes, set[OrderKey]]:
    """The orders of each id, over all merchants: stored ones, and those of this very batch."""
    owners = awaiting_order.owners(cursor, sorted(order_ids))
    for key in {key for key, _ in orders} | {named.key for named in matched.named}:
        if key[1] in owners:
            owners[key[1]].add(key)
    return owners


def hand_to_owners(
    cursor: Cursor,
    reports: Mapping[bytes, Sequence[ResolvedReport]],
    owners: Mapping[bytes, set[OrderKey]],
    matched: MatchedBatch,
    words: InternedStrings,
    now: Micros,
    counts: CountsByPartition,
) -> None:
    """Keeps reports for the orders with the ids that they name, those that come later too."""
    flat = [(order_id, report) for order_id, same in reports.items() for report in same]
    packed = [
        (order_id, awaiting_order.report_bytes(report.for_order(named=True), words))
        for order_id, report in flat
    ]
    owned = {order_id for order_id, keys in owners.items() if keys}
    new = awaiting_order.park(cursor, packed, owned, now)
    for waiting, (order_id, report) in zip(packed, flat, strict=True):
        if waiting not in new:
            counts[report.event.record.place].duplicate += 1
            continue
        new.remove(waiting)  # a repeat within the batch is a duplicate
        key = awaiting_order.ORDER_KEY_PREFIX + order_id
        # An order that comes at the same time is not seen, and does not see the report.
        matched.recheck((key, ANY_MERCHANT), report.event.at)
        matched.note_if_unknown(report, RecheckKind.NUMBER, ANY_MERCHANT, key)
        for i, owner in enumerate(sorted(owners[order_id])):
            matched.named.append(NamedReport(owner, report, is_counted=i == 0))
        if not owners[order_id]:
            wait = key, ANY_MERCHANT, report.event.at
            matched.park(report, wait, parked_records.AWAITING_ORDER, counts)
