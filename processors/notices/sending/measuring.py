"""What metrics say of notices that ended."""

from collections import Counter
from collections.abc import Iterable

from processors import metrics
from processors.notices.sending.chunks.months import LimitReached
from processors.runtime.logs import log
from schemas.notices.words import OPEN
from store.notices.sending.settling import Ended


def observe(ended: Iterable[Ended]) -> None:
    """Counts those that came to an end, and the parts of SMS that are metered."""
    messages, parts = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for each in ended:
        key = each.channel, each.state
        messages[key] += each.state not in OPEN
        parts[key] += (each.parts or 0) if each.state in metrics.PARTS_OF else 0
    for counted, metric in ((messages, metrics.NOTICES_SENT), (parts, metrics.NOTICES_PARTS)):
        for key, count in counted.items():
            if count:
                metric.labels(*key).inc(count)


def tell(used_up: Iterable[LimitReached]) -> None:
    """Says that shops have used up their parts of a month: once each, whoever sends."""
    for each in used_up:
        metrics.NOTICES_LIMITS_REACHED.inc()
        log().warning(
            "limit_reached", merchant_id=each.merchant_id, month=each.month, limit=each.limit
        )
