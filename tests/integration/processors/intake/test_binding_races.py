"""Settings are applied while an order comes: it is bound as a replay binds it (D13).

Whichever of the two comes first, the other waits. So the version is known to the orders that were
heard of after the time at which it was applied, and to no others.
"""

import json

from rules.earning.binding import VersionInForce, bound_version
from schemas.ids import micros
from schemas.settings import load_settings
from store.settings import versions
from tests.support.account.desk import settings
from tests.support.engine import wait_for
from tests.support.in_process import Gate, InProcessEngine
from tests.support.parcels import ANNA, A, M
from tests.support.upstream import CREATED, HOME, order

DOUBLE = settings(
    earn={
        "rules": [{"unit_price": 5, "points_per_unit": 1}],
        "pending_days": 0,
        "expiry": {"kind": "never"},
    },
    effective_at="2023-02-01T00:00:00Z",
)
"""Two points where version 1 gives one, since a time before the order was made."""


def applies(in_process: InProcessEngine) -> None:
    document = load_settings(json.dumps(DOUBLE).encode(), name="settings")
    versions.apply(in_process.second.connection, M, document, "test")


class Ordering:
    """The first worker's order, and when it was heard of."""

    def __init__(self, in_process: InProcessEngine, worker: str = "first") -> None:
        self._in_process, self._worker = in_process, worker
        in_process.worker("first")  # its cursors are there from the beginning

    def __call__(self) -> None:
        worker = self._in_process.worker(self._worker)
        clock = worker.received_at

        def heard() -> int:
            self.heard_ms = clock()
            return self.heard_ms

        worker.received_at = heard
        worker.consume(order(M, A, ANNA, 1000, delivery="arrived", option=HOME))

    def version_of_a_replay(self) -> int:
        """To which version the order is bound by its facts."""
        rows = self._in_process.rows(
            "SELECT effective_us, version, applied_us FROM settings JOIN merchant USING"
            " (merchant_no) WHERE merchant_id = %s ORDER BY version",
            M,
        )
        known = [VersionInForce(*row) for row in rows]
        assert len(known) == 2
        return bound_version(known, micros(CREATED), self.heard_ms * 1000 + 999)


def test_an_order_that_is_heard_of_while_settings_are_applied_waits_for_them(
    in_process: InProcessEngine,
) -> None:
    ordering = Ordering(in_process)
    with Gate(in_process, "settings") as gate:
        settings = in_process.second.start(lambda: applies(in_process))
        in_process.until_waiting(in_process.second)
        ordered = in_process.first.start(ordering)
        in_process.until_waiting(in_process.first)
        gate.open()
        settings.ended()
        ordered.ended()
    in_process.first.settle()
    assert in_process.points(M, ANNA) == 200
    assert ordering.version_of_a_replay() == 2


def test_settings_that_are_applied_while_an_order_is_bound_wait_for_it(
    in_process: InProcessEngine,
) -> None:
    ordering = Ordering(in_process)
    with Gate(in_process, "orders") as gate:
        ordered = in_process.first.start(ordering)
        in_process.until_waiting(in_process.first)
        settings = in_process.second.start(lambda: applies(in_process))
        in_process.until_waiting(in_process.second)
        gate.open()
        ordered.ended()
        settings.ended()
    in_process.first.settle()
    assert in_process.points(M, ANNA) == 100
    assert ordering.version_of_a_replay() == 1


def test_an_order_of_a_new_partition_waits_for_settings_that_are_being_applied(
    in_process: InProcessEngine,
) -> None:
    """Its cursor was not there to be locked."""
    ordering = Ordering(in_process, "third")
    in_process.first.settle()
    with Gate(in_process, "settings") as gate:
        settings = in_process.second.start(lambda: applies(in_process))
        in_process.until_waiting(in_process.second)
        ordered = in_process.first.start(ordering)
        waiting = "SELECT FROM pg_stat_activity WHERE application_name = 'third'"
        waiting += " AND wait_event_type = 'Lock'"
        wait_for("the new partition to wait", lambda: in_process.rows(waiting))
        gate.open()
        settings.ended()
        ordered.ended()
    in_process.first.settle()
    assert in_process.points(M, ANNA) == 200
    assert ordering.version_of_a_replay() == 2
