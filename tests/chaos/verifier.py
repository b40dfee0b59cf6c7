"""Holds what the lane's tables say against what was published and what providers got.

It shares no code with the product: plain SQL, the sinks' own records, and the events as they were
produced. A test sees to it that it imports nothing of ours.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

OPEN = ("parked", "waiting", "claimed", "sending")
CHANNELS = ("email", "sms")
NOTICES = """
SELECT n.notice_id::text, n.event_id::text, s.merchant_id, n.member_id, n.channel, n.kind, n.state,
       n.reason, n.provider, n.attempt
FROM notices.notice n JOIN notices.shop s ON s.merchant_no = n.merchant_no"""
METER = """
SELECT merchant_no, month, channel, provider, sum(messages), sum(parts), sum(provider_parts),
       sum(unknown)
FROM (SELECT merchant_no, month, channel, provider, messages, parts, provider_parts, unknown
      FROM notices.meter
      UNION ALL
      SELECT merchant_no, month, channel, provider, -1, -coalesce(parts, 0),
             -coalesce(provider_parts, parts, 0), CASE WHEN state = 'unknown' THEN -1 ELSE 0 END
      FROM notices.notice WHERE state IN ('sent', 'unknown')) x
GROUP BY merchant_no, month, channel, provider
HAVING sum(messages) <> 0 OR sum(parts) <> 0 OR sum(provider_parts) <> 0 OR sum(unknown) <> 0"""
UNEVEN = """
SELECT topic, partition FROM notices.cursor
WHERE next_offset - first_offset <> applied + duplicate + ignored + parked + dead + control"""


@dataclass(frozen=True)
class Evidence:
    """What is known from outside.

    `events`: (event id, merchant, member) of every grant that was produced. `requests`: all that
    the sinks got, as they wrote it. `published`: records of the notices' topic, in their order.
    `kills`: senders that were killed; `chunk`: the most that each had in doubt.
    """

    events: Sequence[tuple[str, str, str]]
    notices: Sequence[Mapping[str, Any]]
    requests: Sequence[Mapping[str, Any]]
    published: Sequence[Mapping[str, Any]]
    kills: int
    chunk: int


@dataclass
class Findings:
    """`wrong`: sentences, none when all is well. `figures`: counts worth showing."""

    wrong: list[str] = field(default_factory=list)
    figures: dict[str, int] = field(default_factory=dict)


def notices_of(rows: Iterable[Sequence[Any]]) -> list[dict[str, Any]]:
    """Rows of `NOTICES` with their names."""
    names = ("notice_id", "event_id", "merchant_id", "member_id", "channel", "kind", "state",
             "reason", "provider", "attempt")  # fmt: skip
    return [dict(zip(names, row, strict=True)) for row in rows]


def verify(evidence: Evidence) -> Findings:
    """Everything that must hold once nothing is open any more."""
    found = Findings()
    taken, unanswered = _taken(evidence.requests)
    found.wrong += _rows(evidence)
    found.wrong += _sms(evidence, taken, found.figures)
    found.wrong += _mails(evidence, taken, unanswered, found.figures)
    found.wrong += _unknown(evidence, found.figures)
    found.wrong += _told(evidence)
    states = Counter(_state_of(notice) for notice in evidence.notices)
    found.figures |= {"events": len(evidence.events), "requests": len(evidence.requests), **states}
    return found


def _state_of(notice: Mapping[str, Any]) -> str:
    reason = f": {notice['reason']}" if notice["reason"] else ""
    return f"{notice['channel']} {notice['state']}{reason}"


def _taken(requests: Sequence[Mapping[str, Any]]) -> tuple[Counter[str], Counter[str]]:
    """How often each notice was delivered, and how often without a whole answer."""
    taken: Counter[str] = Counter()
    unanswered: Counter[str] = Counter()
    for request in requests:
        if request["taken"] and request["notice_id"]:
            taken[request["notice_id"]] += 1
            unanswered[request["notice_id"]] += not request["answered"]
    return taken, unanswered


def _rows(evidence: Evidence) -> Iterator[str]:
    """One row an event and channel: none lost, none doubled, none of nothing."""
    made = Counter(
        (n["event_id"], n["merchant_id"], n["member_id"], n["channel"]) for n in evidence.notices
    )
    must = {(*event, channel) for event in evidence.events for channel in CHANNELS}
    for key in sorted(must - made.keys()):
        yield f"no notice of {key}"
    for key in sorted(made.keys() - must):
        yield f"a notice of {key}, which never happened"
    for key, count in made.items():
        if count > 1:
            yield f"{count} notices of {key}"
    for notice in evidence.notices:
        if notice["state"] in OPEN:
            yield f"{notice['notice_id']} is {notice['state']} still"


def _sms(evidence: Evidence, taken: Counter[str], figures: dict[str, int]) -> Iterator[str]:
    """No SMS twice, whatever happened; what is said to be sent was delivered, what failed not."""
    for notice in evidence.notices:
        if notice["channel"] != "sms":
            continue
        count, name = taken[notice["notice_id"]], f"SMS {notice['notice_id']}"
        if count > 1:
            yield f"{name} was delivered {count} times by {notice['provider']}"
        if notice["state"] == "sent" and count == 0:
            yield f"{name} is sent, and {notice['provider']} never got it"
        if notice["state"] in {"failed", "expired", "skipped", "withdrawn"} and count:
            yield f"{name} is {notice['state']}, and {notice['provider']} delivered it"
    figures["SMS doubled"] = sum(
        max(0, taken[n["notice_id"]] - 1) for n in evidence.notices if n["channel"] == "sms"
    )


def _mails(
    evidence: Evidence, taken: Counter[str], unanswered: Counter[str], figures: dict[str, int]
) -> Iterator[str]:
    """None lost; doubled only where the answer was lost, and by a chunk for each sender killed."""
    doubled = 0
    for notice in evidence.notices:
        if notice["channel"] != "email":
            continue
        count = taken[notice["notice_id"]]
        if notice["state"] == "sent" and count == 0:
            yield f"mail {notice['notice_id']} is sent, and the server never got it"
        if notice["state"] not in {"sent", "failed", *OPEN}:
            yield f"mail {notice['notice_id']} is {notice['state']}"
        # What was taken without a whole answer has to be written again.
        doubled += max(0, count - 1 - unanswered[notice["notice_id"]])
    figures["mails doubled by kills"] = doubled
    if doubled > evidence.kills * evidence.chunk:
        allowed = f"{evidence.kills} kills of chunks of {evidence.chunk}"
        yield f"{doubled} mails were doubled by {allowed}"


def _unknown(evidence: Evidence, figures: dict[str, int]) -> Iterator[str]:
    """`unknown` is what the sink cannot prove: answered ones only where a sender was killed."""
    answered: defaultdict[str, bool] = defaultdict(bool)
    for request in evidence.requests:
        if request["notice_id"] and request["taken"] and request["answered"]:
            answered[request["notice_id"]] = True
    unknown = [n for n in evidence.notices if n["state"] == "unknown"]
    proven = [n for n in unknown if answered[n["notice_id"]]]
    figures["unknown that the sink could prove"] = len(proven)
    if len(proven) > evidence.kills * evidence.chunk:
        yield f"{len(proven)} notices are unknown, and their provider has answered"


def _told(evidence: Evidence) -> Iterator[str]:
    """The last that was published of each notice is what the table says."""
    last: dict[str, str] = {}
    for record in evidence.published:
        last[record["notice_id"]] = record["state"]
    for notice in evidence.notices:
        told = last.get(notice["notice_id"])
        if notice["state"] not in OPEN and told != notice["state"]:
            yield f"{notice['notice_id']} is {notice['state']}, and {told} was published"
