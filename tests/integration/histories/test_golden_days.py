"""The events of the sample days equal the recorded ones: ids, order, figures, times and headers."""

from pathlib import Path

from tests.support.golden_days import FILE, sample_day_events
from tests.support.in_process import InProcessEngine
from tests.support.servers import Databases


def test_events_of_the_sample_days_are_the_recorded_ones_to_the_byte(
    postgres: Databases, tmp_path: Path
) -> None:
    url = postgres.migrated()
    try:
        with InProcessEngine(url, tmp_path) as in_process:
            events = sample_day_events(in_process)
    finally:
        postgres.drop(url)
    recorded = FILE.read_bytes().splitlines()
    assert len(events) == len(recorded)
    for event, expected in zip(events, recorded, strict=True):
        assert event == expected
