"""Instants as integers and as text."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemas.ids import NEVER, instant, iso, iso_or_none, micros, record_key

aware = st.datetimes(
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=8)), timezone(timedelta(hours=-3.5))])
)


@given(aware.filter(lambda moment: 1 < moment.year < 9999))
def test_an_instant_survives_the_way_to_an_integer_and_back(moment: datetime) -> None:
    assert instant(micros(moment)) == moment
    assert datetime.fromisoformat(iso(micros(moment))) == moment


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1_609_430_400_000_000, "2020-12-31T16:00:00Z"),
        (1_609_430_400_120_000, "2020-12-31T16:00:00.120Z"),
        (1_609_430_400_120_001, "2020-12-31T16:00:00.120001Z"),
        (-1, "1969-12-31T23:59:59.999999Z"),
        (-62_135_596_800_000_000, "0001-01-01T00:00:00Z"),
    ],
)
def test_text_has_a_fraction_only_when_there_is_one(moment: int, text: str) -> None:
    assert iso(moment) == text


def test_a_time_without_an_offset_is_refused() -> None:
    with pytest.raises(ValueError, match="add Z or an offset"):
        micros(datetime(2020, 1, 1))  # noqa: DTZ001 - that is the point


def test_never_is_no_date() -> None:
    assert iso_or_none(NEVER) is None
    assert iso_or_none(0) == "1970-01-01T00:00:00Z"
    with pytest.raises(ValueError, match="means never"):
        iso(NEVER)


IDS = st.text("ab:%25A3", min_size=1, max_size=5)


@example("a", "b:1", "a:b", "1")
@example("a", "b%3A1", "a", "b:1")
@given(IDS, IDS, IDS, IDS)
def test_no_two_pairs_of_ids_have_one_key(a: str, b: str, c: str, d: str) -> None:
    assert (record_key(a, b) == record_key(c, d)) == ((a, b) == (c, d))


def test_keys_of_ordinary_ids_show_them_as_they_are() -> None:
    assert record_key("my-shop", "65e1f0a4") == b"my-shop:65e1f0a4"
    assert record_key("a:b", "50%") == b"a%3Ab:50%25"
