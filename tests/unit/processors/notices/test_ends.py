"""Ends of logs that the client has read, and that hold no record."""

from processors.notices.stream.ends import Ends
from processors.notices.stream.faust_types import TP
from processors.notices.stream.places import AssignedPlaces

ONE, TWO = TP("customers", 0), TP("customers", 1)


def test_what_was_read_behind_the_last_record_holds_none() -> None:
    ends = Ends()
    ends.seek({ONE: 3, TWO: 0})
    assert ends.reached({ONE: 3, TWO: 0}) == {}
    ends.give({ONE: 10})
    assert ends.reached({ONE: 10, TWO: 2}) == {TWO: (0, 2)}
    assert ends.reached({ONE: 11, TWO: 2}) == {ONE: (10, 11), TWO: (0, 2)}


def test_what_was_given_before_the_partitions_were_set_anew_counts_no_more() -> None:
    ends = Ends()
    ends.seek({ONE: 0})
    ends.give({ONE: 10})
    ends.seek({TWO: 0})
    assert ends.reached({ONE: 30, TWO: 0}) == {}


def test_a_cursor_passes_an_end_only_from_behind_the_last_record() -> None:
    places = AssignedPlaces("cluster", {"customers": "uuid"})
    places.start({ONE: 7, TWO: 4}, 1)
    places.reach({ONE: (10, 11), TWO: (4, 6), TP("customers", 2): (0, 1)})
    assert places.ahead("customers") == {places.place(TWO): 6}
    assert places.ahead("points_changed") == {}
    places.done({places.place(ONE): 10})
    assert places.ahead("customers") == {places.place(ONE): 11, places.place(TWO): 6}
    places.done({places.place(ONE): 12})
    assert places.ahead("customers") == {places.place(TWO): 6}
    places.revoke([TWO])
    assert places.ahead("customers") == {}
