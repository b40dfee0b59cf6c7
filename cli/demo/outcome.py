"""What came of the sample days, as the product reports it, against what their files expect."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Literal

import psycopg
from psycopg import sql

from cli.demo.figures import Connection
from cli.demo.notices import Notice, Usage, counted, usage
from rules.account.expiry import shown_day
from rules.explain.order import Explained, explain
from rules.local_days import local_date
from rules.order.delivery import standings
from schemas.answers.members import BalanceAnswer
from schemas.answers.streams import DeadLetterState
from schemas.carriers.meaning import Meaning
from schemas.ids import NEVER
from store.carriers import codes
from store.postgres import session
from store.reads.account.balance import balance
from store.reads.order import order_view
from store.streams import dead_letters

if TYPE_CHECKING:
    from cli.demo.engine import Engine
    from cli.demo.site import Site
    from cli.demo.story import Expected, Shop, Story, StoryMember, StoryOrder

_HAS_ANY = """
SELECT count(*) FROM {} t
WHERE EXISTS (SELECT FROM unnest(%s::text[]) w WHERE position(w IN t::text) > 0)"""
KEEPS_BYTES = frozenset({"quarantine"})
"""Where unreadable records stay whole, with personal data, until they are dealt with.

See rules.md 7.
"""


@dataclass(frozen=True, slots=True)
class StoryOutcome:
    """An order and what `points explain` says of it."""

    order: "StoryOrder"
    explained: Explained

    @property
    def as_expected(self) -> "Expected":
        """In the words of the sample's files."""
        from cli.demo.story import Expected

        now, zone = self.explained.decided, self.explained.zone
        earned = self.explained.view.granted != 0
        due = local_date(now.due_at, zone) if earned and now.due_at is not None else None
        expires = _expiry(now.expires_at, zone) if earned and now.expires_at is not None else None
        return Expected(
            self.explained.state,
            self.explained.view.granted,
            now.reason,
            due,
            expires,
            self.entries,
        )

    @property
    def entries(self) -> tuple[str, ...]:
        """The ledger's entries, such as `granted +100`."""
        return tuple(
            f"{entry.type.name} {entry.points:+d}" for entry in self.explained.view.entries
        )

    @property
    def why(self) -> str:
        """The sentence of `points explain` that says why it earned nothing, or what is awaited."""
        reason, steps = self.explained.decided.reason, self.explained.steps
        about = "carrier" if any(step.about == "carrier" for step in steps) else "delivery"
        if reason is not None:
            start = f"{reason}: "
            named = [step.text.removeprefix(start) for step in steps if step.text.startswith(start)]
            if named:
                return named[-1]
            about = "after"
        last = [step.text.rpartition("). ")[2] for step in steps if step.about == about]
        return (last or [steps[-1].text])[-1]

    @property
    def where(self) -> str:
        """In short, where its parcels are: the carrier's newest word, or else as in `why`."""
        view = self.explained.view
        if view.settings is not None:
            parcels = standings(view.facts, view.settings.rules.overrides)
            if len(parcels) > 1:
                arrived = sum(parcel.final_at is not None for parcel in parcels)
                return f"{arrived} of {len(parcels)} parcels have come"
        reports = [*view.facts.reports]
        for number in view.numbers:
            reports += number.reports
        if not reports:
            return self.why
        word = max(reports).meaning.word
        if word == Meaning.UNKNOWN.word:
            return "the carrier's code is unknown"
        return f"{word}, says the carrier"


def _expiry(expires: int, zone: str) -> date | Literal["never"]:
    return "never" if expires == NEVER else shown_day(expires, zone)


@dataclass(frozen=True, slots=True)
class Results:
    """Everything in the summary.

    `balances`: by shop and member, as of `points balance`. `leaks`: where personal data was found.
    `answers`: those to commands, by command id. `unknown`: carriers' codes that are in no table.
    `parked`: reports without an order in the end. `notices`: what members were told; None where the
    lane was not played. `usage`: what shops owe for it.
    """

    outcomes: tuple[StoryOutcome, ...]
    balances: dict[tuple[str, str], BalanceAnswer]
    letters: list[DeadLetterState]
    unknown: list[codes.UnknownCode]
    parked: int
    records: dict[str, int]
    entries: int
    events: Sequence[dict[str, Any]]
    answers: Mapping[str, dict[str, Any]]
    searched: int
    leaks: tuple[str, ...]
    notices: tuple[Notice, ...] | None = None
    usage: tuple[Usage, ...] = ()


def explained(connection: Connection, order: "StoryOrder") -> StoryOutcome:
    """What is known of an order so far."""
    return StoryOutcome(order, explain(order_view(connection, order.shop.id, order.id)))


def results(site: "Site", story: "Story", engine: "Engine") -> Results:
    """Everything, read once the engine has settled."""
    with session.connect(site.database_url, name="points-demo", tuned=False) as connection:
        outcomes = tuple(explained(connection, order) for order in story.orders)
        pairs = {(o.shop.id, o.member.id) for o in story.orders if o.member is not None}
        balances = {pair: balance(connection, *pair) for pair in sorted(pairs)}
        letters, unknown = dead_letters.listed(connection), codes.unknown(connection)
    now = engine.reader.read()
    searched, leaks = personal_data(site, story.members, [*engine.events, *engine.answers])
    return Results(
        outcomes=outcomes,
        balances=balances,
        letters=letters,
        unknown=unknown,
        parked=now.parked,
        records=engine.reader.outcomes(),
        entries=now.entries,
        events=engine.events,
        answers={answer["command_id"]: answer for answer in engine.answers},
        searched=searched,
        leaks=leaks,
        notices=tuple(engine.lane.notices()) if engine.lane is not None else None,
        usage=tuple(usage(site, [shop.id for shop in story.shops])) if engine.lane else (),
    )


def personal_data(
    site: "Site", members: "Iterable[StoryMember]", events: Sequence[dict[str, Any]]
) -> tuple[int, tuple[str, ...]]:
    """How many names, numbers and addresses were searched for, and where one was found.

    No table and no event must have any.
    """
    wanted = [text for member in members for text in member.personal]
    leaks = [f"points-changed events have {text}" for text in wanted if text in str(events)]
    # Bytes show as hexadecimal digits in a row's text.
    needles = [needle for text in wanted for needle in (text, text.encode().hex())]
    with psycopg.connect(site.database_url, autocommit=True) as connection:
        tables = connection.execute(
            "SELECT schemaname, tablename FROM pg_tables "
            "WHERE schemaname IN ('public', 'notices', 'notices_keys')"
        ).fetchall()
        for schema, table in tables:
            if table in KEEPS_BYTES:
                continue
            query = sql.SQL(_HAS_ANY)
            row = connection.execute(
                query.format(sql.Identifier(schema, table)), [needles]
            ).fetchone()
            if row is not None and row[0]:
                leaks.append(f"table {table} has some in {row[0]} rows")
    return len(wanted), tuple(leaks)


def deviations(story: "Story", got: Results) -> list[str]:
    """How the engine and the sample's files differ, a line each; none when all is well."""
    lines: list[str] = []
    for outcome in got.outcomes:
        want, have = asdict(outcome.order.expect), asdict(outcome.as_expected)
        wrong = [
            f"{name} is {have[name]}, expected {want[name]}"
            for name in want
            if have[name] != want[name]
        ]
        lines += [f"order {outcome.order.key}: {text}" for text in wrong]
    wanted = {"applied": story.records - sum(story.expect.values()), **story.expect}
    lines += [
        f"records {name}: {got.records[name]}, expected {count}"
        for name, count in wanted.items()
        if got.records[name] != count
    ]
    unknown = tuple(f"{code.carrier} {code.service} {code.code}" for code in got.unknown)
    if unknown != story.unknown:
        lines.append(f"unknown codes: {unknown}, expected {story.unknown}")
    if got.parked:
        lines.append(f"{got.parked} reports found no order, expected none")
    lines += _other_answers(story, got)
    lines += _otherwise_told(story, got)
    return [*lines, *_unbalanced(got), *_unannounced(got), *got.leaks]


def _other_answers(story: "Story", got: Results) -> Iterator[str]:
    """Commands that were answered otherwise than the sample's files expect."""
    for command in story.spending:
        answer = got.answers[command.id]
        have = {"code": answer["code"], **answer["balance"]}
        for name, wanted in asdict(command.expect).items():
            if have[name] != wanted:
                yield f"{command.id} ({command.type}): {name} is {have[name]}, expected {wanted}"


def _otherwise_told(story: "Story", got: Results) -> Iterator[str]:
    """Notices of the first shop that came to another end, and a meter that counts others."""
    if got.notices is None:
        return
    have = counted(got.notices, story.shops[0].id)
    for name in sorted({*have, *story.told}):
        if have.get(name, 0) != story.told.get(name, 0):
            yield f"notices {name}: {have.get(name, 0)}, expected {story.told.get(name, 0)}"
    for channel in ("email", "sms"):
        sent = sum(n.channel == channel and n.state == "sent" for n in got.notices)
        metered = sum(row.messages for row in got.usage if row.channel == channel)
        if sent != metered:
            yield f"notices by {channel}: {sent} sent, {metered} metered"


def _balances(got: Results) -> dict[tuple[str, str], int]:
    """What each member has at each shop, debt taken off."""
    return {
        pair: balance.available + balance.held - balance.debt
        for pair, balance in got.balances.items()
    }


def _unbalanced(got: Results) -> list[str]:
    """A member's orders, and what commands gave and took, add up to the balance."""
    posted: Counter[tuple[str, str]] = Counter()
    for outcome in got.outcomes:
        if outcome.order.member is not None:
            pair = outcome.order.shop.id, outcome.order.member.id
            posted[pair] += outcome.explained.view.granted
    for event in got.events:
        if event["cause"]["kind"] == "command":
            posted[event["merchant_id"], event["member_id"]] += event["points"]
    have = _balances(got)
    return [
        f"balance of {member} at {shop}: {have[shop, member]}, "
        f"its orders and commands make {points}"
        for (shop, member), points in posted.items()
        if have[shop, member] != points
    ]


def _unannounced(got: Results) -> list[str]:
    """I4: every ledger entry has exactly one event; and a member's events make up the balance."""
    lines, ids = [], {event["event_id"] for event in got.events}
    if not len(ids) == len(got.events) == got.entries:
        lines.append(
            f"{got.entries} ledger entries, but {len(got.events)} events with {len(ids)} ids"
        )
    announced: Counter[tuple[str, str]] = Counter()
    for event in got.events:
        announced[event["merchant_id"], event["member_id"]] += event["points"]
    for (shop, member), points in _balances(got).items():
        if announced[shop, member] != points:
            lines.append(
                f"events of {member} at {shop} make {announced[shop, member]}, "
                f"the balance is {points}"
            )
    return lines


def shops_of(results: Results) -> "list[Shop]":
    """The shops that the orders were made at."""
    return list(
        {outcome.order.shop.id: outcome.order.shop for outcome in results.outcomes}.values()
    )
