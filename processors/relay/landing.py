"""What becomes of a flight that has landed: the database knows it first, then the metrics."""

from processors import metrics
from processors.relay.lane import Landed
from processors.runtime.logs import log
from store.postgres.session import Database, raw, transaction
from store.streams import outbox, refused
from store.streams.outbox import DEAD_LETTER_KINDS


def keep(connection: Database, landed: Landed, remedy: str) -> None:
    """Deletes what was delivered, and sets aside what is refused for good; `remedy` is logged."""
    if not landed.refused:
        outbox.sent(raw(connection), landed.delivered)
        return
    with transaction(connection) as cursor:
        outbox.sent(cursor, landed.delivered)
        refused.set_aside(cursor, landed.refused)
    for row in landed.refused:
        log().error(
            "row_refused",
            why=f"{row.topic} refuses outbox row {row.id}, {row.size:,} bytes: {row.reason}",
            remedy=remedy,
        )


def count(landed: Landed) -> None:
    """Counts what was delivered and what was refused."""
    for kind, records in landed.records.items():
        metrics.RELAYED.labels(kind.name.lower()).inc(records)
        if kind in DEAD_LETTER_KINDS:
            metrics.DEAD_LETTERS.labels(kind.name.lower()).inc(records)
    for row in landed.refused:
        metrics.REFUSED.labels(row.reason.partition(":")[0]).inc()
