"""The workers, one by one and together, on a day without trouble."""

from tests.support.engine import Engine
from tests.support.upstream import Trade


def test_a_day_is_granted_and_published_once(engine: Engine) -> None:
    trade = Trade(300, ["shop-a", "shop-b"])
    for merchant in trade.merchants:
        engine.merchant(merchant)
    for worker in ("intake", "grants", "relay"):
        engine.run(worker)
    records = trade.records()
    engine.produce(records)
    engine.wait_consumed(len(records))
    engine.wait_published()
    engine.audit(trade.expected())
