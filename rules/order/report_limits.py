"""Which of too many carrier reports is dropped (rules.md 6).

Carriers are polled, so that most reports only repeat what the one before said. Of such a run the
first decides a delivery and the last one a return, so both ends are kept, and what lies between
them is dropped, the oldest first.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from rules.order.carrier_reports import carrier_voice
from rules.order.facts import CarrierReport
from schemas.carriers.meaning import Meaning
from schemas.ids import Micros

_REPEATS, _ENDS_A_RUN, _DECIDES = range(3)
MOST_TOGETHER: Final = 2_500
"""Reports without a number that are looked at, once with each number. An order that has hundreds of
both is none: those without are then weighed by themselves, or each more would take a fifth of a
second.
"""


def least_telling(reports: Sequence[CarrierReport]) -> int:
    """The place of the report to drop, of sorted ones.

    What decides the voice now stays longest, then the ends of runs of reports that say the same.
    Among equals those that decide nothing go first, then the oldest.
    """
    weight = [_REPEATS] * len(reports)
    for places in _of_each_number(reports):
        _weigh_unknown(reports, places, weight)
        _weigh_decisive(reports, [i for i in places if reports[i].meaning.decisive], weight)
    return min(
        range(len(reports)), key=lambda i: (weight[i], reports[i].meaning.decisive, reports[i])
    )


def _of_each_number(reports: Sequence[CarrierReport]) -> Iterator[list[int]]:
    """The places of each number's reports; those without a number may be of any of them."""
    places: dict[bytes, list[int]] = {}
    for i, report in enumerate(reports):
        places.setdefault(report.number, []).append(i)
    unnumbered = places.pop(b"", [])
    if not places or len(places) * len(unnumbered) > MOST_TOGETHER:
        yield unnumbered
        unnumbered = []
    for numbered in places.values():
        yield sorted(numbered + unnumbered) if unnumbered else numbered


def _weigh_unknown(reports: Sequence[CarrierReport], places: list[int], weight: list[int]) -> None:
    """The first and the last of each unknown code: it may be known one day."""
    first: dict[tuple[str, str, bool], int] = {}
    last: dict[tuple[str, str, bool], int] = {}
    for i in places:
        report = reports[i]
        if report.meaning is Meaning.UNKNOWN:
            said = report.service, report.code, report.return_leg
            first.setdefault(said, i)
            last[said] = i
    for i in (*first.values(), *last.values()):
        weight[i] = max(weight[i], _ENDS_A_RUN)


def _weigh_decisive(reports: Sequence[CarrierReport], places: list[int], weight: list[int]) -> None:
    said = [reports[i].meaning for i in places]
    for at, i in enumerate(places):
        if at in (0, len(places) - 1) or not said[at - 1] == said[at] == said[at + 1]:
            weight[i] = max(weight[i], _ENDS_A_RUN)
    decide: set[Micros | None] = set()
    for awaited in ("arrived", "collected"):
        voice = carrier_voice([reports[i] for i in places], awaited)
        decide |= {voice.final_at, voice.before, voice.gone_since}
        decide |= {word.at for word in voice.gone[-1:]}
    for i in places:
        if reports[i].at in decide:
            weight[i] = _DECIDES
