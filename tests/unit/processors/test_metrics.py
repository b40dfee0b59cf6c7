"""Counters whose labels are closed sets are there from the start.

`increase` sees no step of a series that was not there before: the first burst would raise no alert.
"""

import json
import subprocess
import sys

import pytest

from processors.metrics import REGISTRY
from schemas.carriers.table_files import shipped_services
from schemas.commands.codes import Code

LIST = """
import json
from processors.metrics import REGISTRY
print(json.dumps([
    [sample.name, sample.labels, sample.value]
    for family in REGISTRY.collect() if family.type == "counter" for sample in family.samples
]))
"""
TYPES = {"assign", "hold", "capture", "release", "return_redeemed", "bulk_assign", "unknown"}
ENDS = {"sent", "failed", "unknown", "expired", "skipped", "withdrawn"}
MEANINGS = {
    "unknown", "in transit", "at the pick-up point", "delivered", "collected", "returning",
    "returned", "lost", "reversed",
}  # fmt: skip
ENTRIES = {
    "granted", "adjusted", "clawed_back", "expired", "assigned", "deducted", "held", "released",
    "redeemed", "returned",
}  # fmt: skip
KINDS = {
    "changed", "settings", "redrive", "command_result", "command", "heartbeat", "notice",
}  # fmt: skip
DEAD = {"dead_orders", "dead_deliveries", "dead_customers", "dead_commands", "dead_notices"}
CLOSED: dict[str, dict[str, set[str]]] = {
    "points_loop_seconds": {"phase": {"poll", "database", "produce", "decide"}},
    "points_rebalances": {"event": {"assigned", "revoked", "lost"}},
    "points_delivery_options": {
        "bucket": {"known", *(f"unknown_{digit}" for digit in "0123456789abcdef")}
    },
    "points_carrier_reports": {
        "service": {"unknown", *(service for _, service in shipped_services())},
        "meaning": MEANINGS,
    },
    "points_purged_reports": {"kind": {"unmatched", "awaiting_order"}},
    "points_commands": {"type": TYPES, "code": set(Code)},
    "points_ledger_entries": {"type": ENTRIES},
    "points_relayed_records": {"kind": KINDS | DEAD},
    "points_dead_letters": {"kind": DEAD},
    "points_watch_errors": {"part": {"database", "kafka", "heartbeat", "invariants"}},
    "points_notices_decided": {
        "channel": {"email", "sms"},
        "outcome": {"waiting", "parked", "skipped", "withdrawn"},
    },
    "points_notices_sent": {"channel": {"email", "sms"}, "outcome": ENDS},
    "points_notices_not_worded": {"channel": {"email", "sms"}},
    "points_notices_receipts": {"channel": {"email", "sms"}, "outcome": {"sent", "failed"}},
    "points_notices_parts": {"channel": {"sms"}, "outcome": {"sent", "unknown"}},
}
OPEN = {
    # What is read, and what the broker says, is known when it happens.
    "points_consumed_records", "points_processed_records", "points_ignored_records",
    "points_refused_records",
    # Why an order earns nothing: as many words as `explain` has.
    "points_upstream_summary",
}  # fmt: skip
Samples = list[tuple[str, dict[str, str], float]]


@pytest.fixture(scope="module")
def samples() -> Samples:
    """All counters of a process that has done nothing."""
    ran = subprocess.run([sys.executable, "-c", LIST], capture_output=True, text=True, check=True)
    return [(name.removesuffix("_total"), *rest) for name, *rest in json.loads(ran.stdout)]


@pytest.mark.parametrize("counter", CLOSED)
def test_a_counter_with_closed_labels_begins_with_0(samples: Samples, counter: str) -> None:
    mine = [(labels, value) for name, labels, value in samples if name == counter]
    for label, values in CLOSED[counter].items():
        assert {labels[label] for labels, _ in mine} == values
    combinations = {json.dumps(labels, sort_keys=True) for labels, _ in mine}
    sizes = 1
    for label in mine[0][0]:
        sizes *= len({labels[label] for labels, _ in mine})
    assert len(combinations) == len(mine) == sizes
    assert {value for _, value in mine} == {0.0}


def test_each_counter_with_labels_is_closed_or_said_to_be_open(samples: Samples) -> None:
    families = {family.name for family in REGISTRY.collect() if family.type == "counter"}
    alone = {name for name, labels, _ in samples if not labels}
    assert families - alone - {"process_cpu_seconds"} == CLOSED.keys() | OPEN
