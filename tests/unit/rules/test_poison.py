"""When too much is unreadable to go on, at its limits (architecture.md 2.6)."""

from dataclasses import replace

from rules.poison import COST, Limits, Poisoned, Share, too_much

LIMITS = Limits(in_a_row=50, window=1000, share=0.2, merchants=3, kept_bytes=10 * COST)
SHOPS = ("a", "b", "c")


def poison(count: int, first: int = 1, step: int = 1, shops: int = 3) -> list[Poisoned]:
    """So many unreadable records of some shops in turns; of no shop: they name no merchant."""
    return [Poisoned(first + n * step, SHOPS[n % shops] if shops else None) for n in range(count)]


def test_fifty_in_a_row_are_too_much_and_forty_nine_are_not() -> None:
    assert too_much(poison(49), LIMITS) is None
    assert too_much(poison(50), LIMITS) == "50 unreadable records in a row"


def test_a_readable_record_between_ends_a_row() -> None:
    assert too_much([*poison(49), *poison(49, first=51)], LIMITS) is None
    behind_others = [*poison(1), *poison(49, first=10), *poison(50, first=60)]
    assert too_much(behind_others, LIMITS) == "50 unreadable records in a row"


def test_in_a_row_three_merchants_are_needed_or_fifty_records_without_one() -> None:
    assert too_much(poison(200, shops=2), LIMITS) is None
    assert too_much(poison(50, shops=0), LIMITS) is not None
    nameless, named = poison(49, shops=0), poison(1, first=50, shops=1)
    assert too_much([*nameless, *named], LIMITS) is None
    assert too_much([*poison(48, shops=2), *poison(2, first=49, shops=0)], LIMITS) is None


def test_the_merchants_of_a_row_are_those_in_it() -> None:
    assert too_much([*poison(3), *poison(60, first=10, shops=1)], LIMITS) is None


def test_a_row_of_one_merchant_hides_no_row_of_several_behind_it() -> None:
    assert too_much([*poison(60, shops=1), *poison(50, first=62)], LIMITS) is not None


def test_a_fifth_of_the_last_thousand_is_too_much_and_less_is_not() -> None:
    every_fifth = poison(200, first=5, step=5)  # the last one is the thousandth record
    assert too_much(every_fifth, LIMITS) == "200 of 1000 records are unreadable"
    assert too_much(every_fifth[1:], LIMITS) is None


def test_before_there_are_a_thousand_records_no_share_is_too_much() -> None:
    dense = poison(300, first=1, step=3)
    assert dense[-1].position < 1000
    assert too_much(dense, LIMITS) is None
    assert too_much(poison(200, first=4, step=5), LIMITS) is None  # up to the 999th
    assert too_much(poison(200, first=5, step=5), LIMITS) is not None


def test_what_lies_a_thousand_records_back_counts_no_more() -> None:
    rest = poison(199, first=1010, step=5)  # up to the 2,000th
    assert too_much([Poisoned(1001, "a"), *rest], LIMITS) is not None
    assert too_much([Poisoned(1000, "a"), *rest], LIMITS) is None


def test_of_the_last_thousand_three_merchants_are_needed_or_a_fifth_without_one() -> None:
    assert too_much(poison(400, first=2, step=3, shops=2), LIMITS) is None
    assert too_much(poison(200, first=5, step=5, shops=0), LIMITS) is not None
    some = poison(199, first=5, step=5, shops=0)
    assert too_much([*some, Poisoned(1000, "a")], LIMITS) is None


def test_also_with_a_share_of_nothing_one_merchant_never_counts() -> None:
    nothing = replace(LIMITS, share=0.0)
    assert too_much(poison(1, first=1000, shops=1), nothing) is None
    assert too_much(poison(1, first=1000, shops=0), nothing) == "1 of 1000 records are unreadable"


def test_as_many_records_are_looked_at_as_the_wider_limit_needs() -> None:
    assert LIMITS.reach == 1000
    assert replace(LIMITS, in_a_row=3000).reach == 3000


def test_a_merchants_share_is_used_up_by_bytes_and_a_kibibyte_each() -> None:
    share = Share(replace(LIMITS, kept_bytes=5000), taken=1000)
    assert [share.keeps(976) for _ in range(3)] == [True, True, False]  # 2,000 each of 4,000
    assert (share.left, share.kept, share.kept_bytes) == (0, 2, 4000)
    assert (share.counted, share.counted_bytes) == (1, 976)


def test_the_record_that_crosses_a_merchants_share_is_still_kept() -> None:
    share = Share(replace(LIMITS, kept_bytes=1), taken=0)
    assert share.keeps(5000)
    assert not share.keeps(1)
