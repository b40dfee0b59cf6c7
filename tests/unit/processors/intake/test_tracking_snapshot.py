"""Whether a record changes which carrier reports an order may take (rules.md 2.5, 6)."""

from processors.intake.tracking_snapshot import TrackingSnapshot, is_unchanged
from rules.order.carrier_reports import numbers_of
from rules.order.facts import DeliveryKey, OrderFacts, OrderRecord, ParcelRecord
from rules.order.folding import fold_order, fold_parcel
from rules.order.trail import Version


def sold(version: int) -> OrderRecord:
    return OrderRecord(
        Version(version), 0, "confirmed", b"m", False, "shop", None, "TWD", 100,
        delivery_key=DeliveryKey.PRESENT, delivery_id=b"new",
    )  # fmt: skip


def parcel(version: int, parcel_id: bytes) -> ParcelRecord:
    return ParcelRecord(Version(version), parcel_id, "shipped", None, tracking=b"N" + parcel_id)


def test_a_parcel_that_no_longer_counts_changes_the_numbers() -> None:
    facts = OrderFacts()
    fold_order(facts, sold(4), None)
    fold_parcel(facts, parcel(4, b"new"), nested=True)
    fold_parcel(facts, parcel(3, b"old"), nested=True)
    fold_parcel(facts, parcel(5, b"old"))
    before = TrackingSnapshot(facts.record, facts.counted)
    assert numbers_of(facts) == {b"Nnew", b"Nold"}
    assert is_unchanged(before, facts)
    fold_order(facts, sold(6), None)
    assert numbers_of(facts) == {b"Nnew"}
    assert not is_unchanged(before, facts)
