"""The notices lane of the sample days: its providers' stand-ins, and what members are told."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from email import message_from_string, policy
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from cli.support.broker import Broker
from schemas.ids import Micros

if TYPE_CHECKING:
    from cli.demo.figures import Connection
    from cli.demo.site import Site
    from deploy.local.sinks.process import SinksProcess

MONTH = "2024-12"
"""Of the sample days: what `points notices usage` is asked for."""
_OF_LANE = """
SELECT s.merchant_id, n.member_id, n.kind, n.channel, n.points, n.state, n.reason, n.not_before_us,
       n.parts, n.event_id::text, n.notice_id::text
FROM notices.notice n JOIN notices.shop s USING (merchant_no)
ORDER BY n.member_id, n.event_sequence, n.channel"""
_BUSY = """
SELECT (SELECT count(*) FROM notices.notice
        WHERE state IN ('claimed', 'sending')
           OR state = 'waiting' AND not_before_us <= points_now()
              AND (attempt = 0 OR NOT %(failing)s))
     + (SELECT count(*) FROM notices.parked_event)
     + (SELECT count(*) FROM notices.outbox)"""
_CURSORS = "SELECT topic, partition, next_offset FROM notices.cursor"


class Notice(NamedTuple):
    """A notice as its table has it. `not_before`: when it may go, of one that waits."""

    merchant_id: str
    member_id: str
    kind: str
    channel: str
    points: int
    state: str
    reason: str | None
    not_before: Micros
    parts: int | None
    event_id: str
    id: str


@dataclass(frozen=True, slots=True)
class Told:
    """What became of a notice in a step.

    `subject` and `text` are what the provider got, as a reader sees it; empty where it got nothing.
    """

    notice: Notice
    subject: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a merchant owes for in the month, by channel and provider."""

    merchant_id: str
    channel: str
    provider: str
    messages: int
    parts: int


def installed() -> bool:
    """Whether the extra `notices` is, and what stands in for providers."""
    from deploy.local.sinks_local import can_sink

    return can_sink() and all(find_spec(name) is not None for name in ("faust", "aiosmtplib"))


def environment_of_lane(folder: Path, sinks: "SinksProcess") -> dict[str, str]:
    """The variables of the lane: new keys in a file of the folder, and these providers."""
    from deploy.local.process import private_file
    from deploy.local.sinks_local import new_key

    keys = folder / "notices.keys"
    private_file(keys, f"{new_key('sample')}\n")
    return {
        **sinks.environment(),
        "POINTS_NOTICES__ENABLED": "true",
        "POINTS_NOTICES__KEY_FILE": str(keys),
        "POINTS_NOTICES__TOKEN_KEYS": new_key("link"),
        "POINTS_NOTICES__UNSUBSCRIBE_URL": "https://lantern.example/unsubscribe",
    }


class Lane:
    """The lane as it works: whether it has done all, and what became of which notice."""

    def __init__(self, site: "Site", connection: "Connection", sinks: "SinksProcess") -> None:
        """Looks up the partitions of its topics, once."""
        configured = site.configuration()
        self._connection, self._sinks, self._broker = connection, sinks, Broker(configured)
        topics = configured.topics
        names = [topics.points_changed, topics.settings, topics.customers]
        found = self._broker.topics(names)
        self._partitions = [(name, n) for name in names for n in range(found[name].partitions)]
        self._failing = False
        self._known: dict[str, tuple[str, str | None]] = {}

    def become(self, provider: str, mood: str) -> None:
        """Lets a provider behave so from now on."""
        self._sinks.become(provider, mood=mood)  # type: ignore[arg-type]
        self._failing = mood != "normal"

    def done(self) -> bool:
        """Whether all events are decided, and all that may go is sent, or refused for now."""
        positions = {(topic, n): next_ for topic, n, next_ in self._rows(_CURSORS)}
        ends = self._broker.ends(self._partitions)
        if any(end.next > positions.get(place, end.first) for place, end in ends.items()):
            return False
        [(busy,)] = self._rows(_BUSY, {"failing": self._failing})
        return not busy

    def notices(self) -> list[Notice]:
        """All of them, by member."""
        return [Notice(*row) for row in self._rows(_OF_LANE)]

    def news(self) -> list[Told]:
        """What became of notices since the last call."""
        changed = [n for n in self.notices() if self._known.get(n.id) != (n.state, n.reason)]
        self._known |= {notice.id: (notice.state, notice.reason) for notice in changed}
        if not any(notice.state == "sent" for notice in changed):
            return [Told(notice) for notice in changed]
        got = self._sinks.messages(taken=True)
        return [_told(notice, got) for notice in changed]

    def _rows(self, query: str, values: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        return self._connection.execute(query.encode(), values).fetchall()


def _told(notice: Notice, got: Iterable[Mapping[str, Any]]) -> Told:
    if notice.state != "sent":
        return Told(notice)
    if notice.channel == "sms":
        texts = [str(each["content"]) for each in got if each["notice_id"] == notice.id]
        return Told(notice, text=texts[-1] if texts else "")
    mark = f"{notice.event_id}.email@"
    mails = [str(each["content"]) for each in got if mark in each["content"]]
    if not mails:
        return Told(notice)
    mail = message_from_string(mails[-1], policy=policy.default)
    plain = mail.get_body(("plain",))
    text = str(plain.get_content()) if plain is not None else ""
    return Told(notice, subject=str(mail["Subject"]), text=text.strip())


def usage(site: "Site", merchants: Iterable[str]) -> Iterator[Usage]:
    """What `points notices usage` says of each merchant's month."""
    from cli.demo.engine import command

    for merchant in merchants:
        said = command(site, "notices", "usage", merchant, "--month", MONTH, "--json")
        for row in orjson.loads(said)["items"]:
            messages, parts = int(row["messages"]), int(row["parts"])
            yield Usage(merchant, row["channel"], row["provider"], messages, parts)


def counted(notices: Iterable[Notice], merchant_id: str) -> dict[str, int]:
    """A shop's notices by channel and end, such as `sms skipped: opted_out`."""
    return dict(
        Counter(
            f"{n.channel} {n.state}" + (f": {n.reason}" if n.reason else "")
            for n in notices
            if n.merchant_id == merchant_id
        )
    )
