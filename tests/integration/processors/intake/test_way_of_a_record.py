"""A record's way from `Intake.process` to the commit can be read: few files are opened twice."""

from tests.support.in_process import InProcessEngine
from tests.support.trace_way import way_of_one_record

MOST_RETURNS = 20
STEPS = (
    ("processors/intake/decoding.py", "decode_batch"),
    ("store/streams/cursors.py", "open_batch"),
    ("processors/intake/report_matching.py", "ReportMatcher.match"),
    ("processors/intake/order_folding.py", "fold_orders"),
    ("processors/settlement.py", "settle"),
    ("store/orders/orders.py", "write"),
    ("processors/intake/rechecks.py", "enqueue_rechecks"),
    ("store/streams/cursors.py", "advance"),
)
"""As the architecture page names them, in its order."""


def test_a_record_passes_the_eight_steps_and_seldom_returns_to_an_open_file(
    in_process: InProcessEngine,
) -> None:
    way = way_of_one_record(in_process).without_helpers()
    steps = [function for function in way.functions if function in STEPS]
    assert steps == list(STEPS), str(way)
    assert way.returns <= MOST_RETURNS, str(way)
