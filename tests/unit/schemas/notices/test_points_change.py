"""What the lane reads of a change of points: when what came lapses."""

import orjson
import pytest

from schemas.notices.points_change import ALL_PAID, read_change
from tests.support.notices.decided import changed

SOONER, LATER = "2026-12-31T16:00:00Z", "2027-12-31T16:00:00Z"
MICROS = {SOONER: 1_798_732_800_000_000, LATER: 1_830_268_800_000_000}


@pytest.mark.parametrize(
    ("lots", "lapse"),
    [
        ([(60, LATER), (40, SOONER)], MICROS[SOONER]),
        ([(100, None)], None),
        ([(60, None), (40, LATER)], MICROS[LATER]),
        # What is paid of a debt is not there to lapse; a lot that is left nothing may be named.
        ([(0, SOONER), (30, LATER)], MICROS[LATER]),
        ([(0, SOONER), (30, None)], None),
        ([(0, SOONER)], ALL_PAID),
        ([], ALL_PAID),
    ],
)
def test_a_change_says_when_the_soonest_of_what_is_left_lapses(
    lots: list[tuple[int, str | None]], lapse: int | None
) -> None:
    assert read_change(orjson.dumps(changed(lots=lots))).expires_us == lapse


def test_what_is_taken_says_nothing_of_that() -> None:
    event = changed(type_="deducted", points=-100, lots=[(-100, SOONER)])
    assert read_change(orjson.dumps(event)).expires_us is None
