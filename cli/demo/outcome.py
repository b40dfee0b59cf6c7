"""What came of the sample day, as the product itself tells it, compared with what its files expect."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Literal

import psycopg
from psycopg import sql

from rules.account.expiry import shown_day
from rules.explain.order import Explained, explain
from rules.local_days import local_date
from rules.order.delivery import standings
from schemas.answers.members import BalanceAnswer
from schemas.carriers.meaning import Meaning
from schemas.ids import NEVER
from store.carriers import codes
from store.postgres import session
from store.reads.balance import balance
from store.reads.order import order_view
from store.streams import dead_letters

if TYPE_CHECKING:
    from cli.demo.engine import Engine
    from cli.demo.site import Site
    from cli.demo.story import Expected, Member, Order, Shop, Story

Connection = psycopg.Connection[tuple[Any, ...]]
_HAS_ANY = """
SELECT count(*) FROM {} t WHERE EXISTS (SELECT FROM unnest(%s::text[]) w WHERE position(w IN t::text) > 0)"""
KEEPS_BYTES = frozenset({"quarantine"})
"""Where the bytes of unreadable records stay, personal data and all, until they are dealt with
(SPEC 7).
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """An order and what `points explain` says of it."""

    order: "Order"
    told: Explained

    @property
    def as_expected(self) -> "Expected":
        """In the words of the sample's files."""
        from cli.demo.story import Expected

        now, zone = self.told.decided, self.told.zone
        earned = self.told.view.granted != 0
        due = local_date(now.due_at, zone) if earned and now.due_at is not None else None
        expires = _expiry(now.expires_at, zone) if earned and now.expires_at is not None else None
        return Expected(
            self.told.state, self.told.view.granted, now.reason, due, expires, self.entries
        )

    @property
    def entries(self) -> tuple[str, ...]:
        """The ledger's entries, such as `granted +100`."""
        return tuple(f"{entry.type} {entry.points:+d}" for entry in self.told.view.entries)

    @property
    def why(self) -> str:
        """The sentence of `points explain` that says why it earned nothing, or what is awaited."""
        reason, steps = self.told.decided.reason, self.told.steps
        if reason is not None:
            named = [
                step.text.removeprefix(f"{reason}: ")
                for step in steps
                if step.text.startswith(f"{reason}: ")
            ]
            about = "after"
        else:
            named, about = (
                [],
                "carrier" if any(step.about == "carrier" for step in steps) else "delivery",
            )
        last = [step.text.rpartition("). ")[2] for step in steps if step.about == about]
        return (named or last or [steps[-1].text])[-1]

    @property
    def where(self) -> str:
        """In short, where its parcels are: the carrier's newest word where there is one, else as in `why`."""
        view = self.told.view
        parcels = (
            standings(view.facts, view.settings.rules.overrides)
            if view.settings is not None
            else []
        )
        if len(parcels) > 1:
            return f"{sum(one.final_at is not None for one in parcels)} of {len(parcels)} parcels have come"
        reports = [
            *view.facts.reports,
            *(report for number in view.numbers for report in number.reports),
        ]
        if not reports:
            return self.why
        word = max(reports).meaning.word
        return (
            f"{word}, says the carrier"
            if word != Meaning.UNKNOWN.word
            else "nobody knows what the carrier said"
        )


def _expiry(expires: int, zone: str) -> date | Literal["never"]:
    return "never" if expires == NEVER else shown_day(expires, zone)


@dataclass(frozen=True, slots=True)
class Results:
    """All that the summary tells.

    `balances`: by shop and member, as `points balance` says; `found`: personal data.

    `unknown`: carriers' codes that no table has; `parked`: their reports that have no order in the
    end.
    """

    outcomes: tuple[Outcome, ...]
    balances: dict[tuple[str, str], BalanceAnswer]
    letters: list[dead_letters.Summary]
    unknown: list[codes.UnknownCode]
    parked: int
    records: dict[str, int]
    entries: int
    events: Sequence[dict[str, Any]]
    searched: int
    found: tuple[str, ...]


def explained(connection: Connection, order: "Order") -> Outcome:
    """What is known of an order by now."""
    return Outcome(order, explain(order_view(connection, order.shop.id, order.id)))


def results(site: "Site", story: "Story", engine: "Engine") -> Results:
    """Everything, read once the engine has settled."""
    with session.connect(site.database_url, name="points-demo", tuned=False) as connection:
        outcomes = tuple(explained(connection, order) for order in story.orders)
        pairs = {(o.shop.id, o.member.id) for o in story.orders if o.member is not None}
        balances = {pair: balance(connection, *pair) for pair in sorted(pairs)}
        letters, unknown = dead_letters.listed(connection), codes.unknown(connection)
    now = engine.reader.read()
    return Results(
        outcomes, balances, letters, unknown, now.parked, engine.reader.outcomes(), now.entries, engine.events,
        *personal_data(site, story.members, engine.events),
    )  # fmt: skip


def personal_data(
    site: "Site", members: "Iterable[Member]", events: Sequence[dict[str, Any]]
) -> tuple[int, tuple[str, ...]]:
    """How many names, numbers and addresses were looked for, and where one was found: no table and no event has any."""
    wanted = [text for member in members for text in member.personal]
    found = [f"points-changed events have {text}" for text in wanted if text in str(events)]
    # Bytes show as hexadecimal digits in a row's text.
    needles = [needle for text in wanted for needle in (text, text.encode().hex())]
    with psycopg.connect(site.database_url, autocommit=True) as connection:
        tables = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        ).fetchall()
        for (table,) in tables:
            if table in KEEPS_BYTES:
                continue
            query = sql.SQL(_HAS_ANY)
            row = connection.execute(query.format(sql.Identifier(table)), [needles]).fetchone()
            if row is not None and row[0]:
                found.append(f"table {table} has some in {row[0]} rows")
    return len(wanted), tuple(found)


def differences(story: "Story", got: Results) -> list[str]:
    """Where the engine and the sample's files disagree, in words; none when all is well."""
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
    unknown = tuple(f"{one.carrier} {one.service} {one.code}" for one in got.unknown)
    lines += (
        [f"unknown codes: {unknown}, expected {story.unknown}"] if unknown != story.unknown else []
    )
    lines += [f"{got.parked} reports found no order, expected none"] if got.parked else []
    return [*lines, *_unbalanced(got), *_untold(got), *got.found]


def _unbalanced(got: Results) -> list[str]:
    posted: Counter[tuple[str, str]] = Counter()
    for outcome in got.outcomes:
        if outcome.order.member is not None:
            posted[outcome.order.shop.id, outcome.order.member.id] += outcome.told.view.granted
    have = {pair: found.available + found.held - found.debt for pair, found in got.balances.items()}
    return [f"balance of {member} at {shop}: {have[shop, member]}, its orders make {points}"
            for (shop, member), points in posted.items() if have[shop, member] != points]  # fmt: skip


def _untold(got: Results) -> list[str]:
    """I4: every ledger entry has exactly one event; and a member's events add up to the balance."""
    lines, ids = [], {event["event_id"] for event in got.events}
    if not len(ids) == len(got.events) == got.entries:
        lines.append(
            f"{got.entries} ledger entries, but {len(got.events)} events with {len(ids)} ids"
        )
    told: Counter[tuple[str, str]] = Counter()
    for event in got.events:
        told[event["merchant_id"], event["member_id"]] += event["points"]
    have = {pair: found.available + found.held - found.debt for pair, found in got.balances.items()}
    return lines + [f"events of {member} at {shop} make {told[shop, member]}, the balance is {points}"
                    for (shop, member), points in have.items() if told[shop, member] != points]  # fmt: skip


def shops_of(results: Results) -> "list[Shop]":
    """The shops that the orders were made at."""
    return list(
        {outcome.order.shop.id: outcome.order.shop for outcome in results.outcomes}.values()
    )
