"""A record's way from `Intake.process` to the commit can be read: few files are opened twice."""

from tests.support.in_process import InProcessEngine
from tests.support.trace_way import way_of_one_record

MOST_RETURNS = 20
STEPS = (
    "decode_batch",
    "open_batch",
    "ReportMatcher.match",
    "fold_orders",
    "settle",
    "write",
    "enqueue_rechecks",
    "advance",
)
"""As the architecture page names them, in its order."""


def test_a_record_passes_the_eight_steps_and_seldom_returns_to_an_open_file(
    in_process: InProcessEngine,
) -> None:
    way = way_of_one_record(in_process).without_helpers()
    names = [name for _, name in way.functions]
    assert [name for name in names if name in STEPS] == list(STEPS), str(way)
    assert way.returns <= MOST_RETURNS, str(way)
