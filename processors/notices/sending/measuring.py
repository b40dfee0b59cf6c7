"""What metrics say of notices that ended."""

from collections.abc import Iterable

from processors import metrics
from processors.notices.sending.chunks.months import LimitReached
from processors.runtime.logs import log
from schemas.notices.words import OPEN
from store.notices.sending.settling import Ended


def observe(ended: Iterable[Ended]) -> None:
    """Counts those that came to an end, and the parts of SMS that are metered."""
    for each in ended:
        if each.state not in OPEN:
            metrics.NOTICES_SENT.labels(each.channel, each.state).inc()
        if each.state in metrics.PARTS_OF and each.parts:
            metrics.NOTICES_PARTS.labels(each.channel, each.state).inc(each.parts)


def tell(used_up: Iterable[LimitReached]) -> None:
    """Says that shops have used up their parts of a month: once each, whoever sends."""
    for each in used_up:
        metrics.NOTICES_LIMITS_REACHED.inc()
        log().warning(
            "limit_reached", merchant_id=each.merchant_id, month=each.month, limit=each.limit
        )
