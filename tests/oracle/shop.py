"""A shop's members, their points and commands: what everybody must hear, and every entry.

Learnt from account.md 3 to 5 and 8; what orders earn is the book's matter. It takes commands and
events at the same moments as the product, and says what is posted.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from tests.oracle import quotes
from tests.oracle.account import About, PointByPoint
from tests.oracle.book import Book
from tests.oracle.commands import (
    BEGINS,
    SECOND,
    STAFFS,
    Json,
    Micros,
    Refused,
    check_shape,
    fingerprint,
    instant,
    moment_of,
    notify_of,
    performer_of,
    told,
)
from tests.oracle.earning import Earned
from tests.oracle.law import feature_on
from tests.oracle.law import is_member as was_member
from tests.oracle.lots import COMMAND, JOB, Lot, assigned_expiry, debit_lot
from tests.oracle.records import FOREVER, Settings
from tests.oracle.redeemed import debited, given_back


@dataclass
class Held:
    """A hold and what became of it: live, captured, released; time is looked at by itself."""

    member: str
    points: int
    purpose: str
    ends: Micros
    redeem: Json
    state: str = "live"
    order: str = ""


@dataclass
class Capture:
    """What one capture took on an order; number 0 is a member's debit."""

    member: str
    number: int
    purpose: str
    redeem: Json
    manual: int = 0


class Version(NamedTuple):
    """One version of the settings: since when it holds, and when it was applied."""

    effective: Micros
    applied: Micros
    settings: Settings


class Campaign(NamedTuple):
    """A campaign as it is now: prices by gift, and the window, which may have no end."""

    starts: Micros
    ends: Micros
    gifts: Json
    removed: bool = False

    def meets(self, other: "Campaign") -> bool:
        """Whether both are there at some instant."""
        both = max(self.starts, other.starts) < min(self.ends, other.ends)
        return both and not self.removed and not other.removed


@dataclass
class Shop:
    """One merchant. `now` is set by `to`."""

    merchant: str
    now: Micros
    book: Book = field(default_factory=Book)
    versions: list[Version] = field(default_factory=list)
    about: About = field(default_factory=About)
    campaigns: dict[str, Campaign] = field(default_factory=dict)
    accounts: dict[str, PointByPoint] = field(default_factory=dict)
    holds: dict[str, Held] = field(default_factory=dict)
    captures: dict[str, list[Capture]] = field(default_factory=dict)
    earned: dict[str, Earned] = field(default_factory=dict)
    tokens: dict[str, quotes.Token] = field(default_factory=dict)
    """What was signed."""
    answers: dict[str, tuple[str, Json]] = field(default_factory=dict)
    jobs: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    given: dict[tuple[str, str], int] = field(default_factory=dict)
    lots_given: dict[tuple[str, str], tuple[Lot, int]] = field(default_factory=dict)
    """Which lot a job of commands gave to a member, and how many points."""
    numbers_of_entries: Counter[tuple[str | int, ...]] = field(default_factory=Counter)

    # --- what happens

    def to(self, now: Micros) -> None:
        """Time passes: what falls due on accounts, then what orders are due to be granted."""
        self.now = now
        for account in self.accounts.values():
            account.to(now)
        before = {order: self._is_due(order) for _, order in self.book.orders}
        self.book.until(instant(now))
        due = [order for order in before if self._is_due(order) and not before[order]]
        self._settle(sorted(due, key=self._due))

    def _due(self, order: str) -> tuple[Any, str]:
        episode = self.book.orders[self.merchant, order].episode
        return (episode.due if episode else FOREVER), order

    def _is_due(self, order: str) -> bool:
        return bool(self.book.orders[self.merchant, order].points)

    def apply(self, settings: Settings) -> None:
        """A new settings version, from its date on; the same content again makes none.

        Raises Refused for a date that is not after that of the version before.
        """
        effective = moment_of(datetime.fromisoformat(settings["effective_at"]))
        if self.versions:
            newest = self.versions[-1]
            if _says_the_same(newest.settings, settings):
                return
            if effective <= newest.effective:
                if not _says_the_same(self.in_force, settings):
                    raise Refused("version_conflict")
                return
        self.versions.append(Version(effective, self.now, settings))
        self.book.apply(settings, self.merchant)

    def save(self, name: str, campaign: Campaign) -> None:
        """A campaign is saved. Raises Refused when another one is there at the same time."""
        others = [each for other, each in self.campaigns.items() if other != name]
        if any(campaign.meets(other) for other in others):
            raise Refused("campaign_overlaps")
        self.campaigns[name] = campaign

    def hear(self, event: Json) -> None:
        """An event about an order arrives: what it says of others is looked at afterwards."""
        self.book.consume(event)
        resource = event["resource"]
        if event["topic"].startswith("user/"):
            return  # whoever comes and goes here has no orders
        if event["topic"].startswith("application/"):
            return  # later than all orders so far were made
        order = resource.get("order_id") or resource["id"]
        is_return = event["topic"].startswith("return_order/")
        self._settle([order], ("return", resource["id"]) if is_return else ("order", order))
        self._settle(sorted(other for _, other in self.book.orders if other != order))

    def command(self, content: Json) -> Json:
        """The answer to a command; `settle` what it did to orders afterwards."""
        key, content_print = content["command_id"], fingerprint(content)
        if key in self.answers:
            first, answer = self.answers[key]
            if first == content_print:
                return answer | {"repeated": True}
            return self._refusal(content, Refused("key_reused"))
        try:
            answer = self._do(told(content))
        except Refused as refused:
            answer = self._refusal(content, refused)
        self.answers[key] = content_print, answer
        return answer

    def settle_captured(self, contents: Iterable[Json]) -> None:
        """What the law makes of the orders that some commands redeemed or returned points on."""
        self._settle(sorted({c["order_id"] for c in contents if "order_id" in c}))

    # --- commands

    @property
    def in_force(self) -> Settings:
        """The newest settings that are in force, of those applied by now."""
        return self.versions[self.version - 1].settings

    @property
    def version(self) -> int:
        """The number of the settings that are in force."""
        return max(
            number
            for number, each in enumerate(self.versions, 1)
            if each.effective <= self.now and each.applied <= self.now
        )

    def _number_of(self, settings: Settings | None) -> int | None:
        return next(
            (number for number, each in enumerate(self.versions, 1) if each.settings is settings),
            None,
        )

    def is_on(self) -> bool:
        """Whether the feature is in force."""
        return self._was_on(self.in_force, instant(self.now))

    def _was_on(self, settings: Settings | None, at: datetime | None) -> bool:
        if settings is None or at is None:
            return False
        return feature_on(settings, self.book.installs.get(self.merchant, []), at)

    def _balance(self, member: str | None) -> Json | None:
        if member is None:
            return None
        account = self.accounts.get(member)
        if account is None:
            return {"available": 0, "held": 0, "debt": 0}
        held = len(account.those("held"))
        return {"available": account.available, "held": held, "debt": account.debt}

    def _refusal(self, content: Json, refused: Refused) -> Json:
        member = None if content["type"] == "bulk_assign" else content["member_id"]
        return {
            "outcome": "refused",
            "repeated": False,
            "code": refused.code,
            "entries": [],
            "balance": self._balance(member),
        } | refused.more

    def _do(self, content: Json) -> Json:
        check_shape(content, self.now)
        kind = content["type"]
        reason = content["reason"].strip() if "reason" in content else None
        name = content["job_id"] if kind == "bulk_assign" else content["command_id"]
        named = ("command", self.merchant, content["command_id"])
        by, notify = performer_of(content), notify_of(content)
        about = About(("command", name), self.version, reason, name=named, by=by, notify=notify)
        self.say(about)
        if kind in STAFFS and content["performer"]["kind"] == "member":
            raise Refused("not_allowed")
        if kind in BEGINS and not self.is_on():
            raise Refused("feature_off")
        if kind == "bulk_assign":
            return self._bulk(content)
        member = content["member_id"]
        before = len(self._lines(member))
        more = getattr(self, f"_{kind}")(content, member) or {}
        own = [
            number
            for number, line in enumerate(self._lines(member), 1)
            if number > before and line.type != "expired"
        ]
        return {
            "outcome": "applied",
            "repeated": False,
            "code": "ok",
            "entries": own,
            "balance": self._balance(member),
        } | more

    def _lines(self, member: str) -> list[Any]:
        account = self.accounts.get(member)
        return account.lines if account is not None else []

    def say(self, about: About) -> None:
        """What happens from now on, and why."""
        self.about = about
        for account in self.accounts.values():
            account.about = about

    def account(self, member: str) -> PointByPoint:
        """A member's account, made if need be."""
        if member not in self.accounts:
            whose = (self.merchant, member)
            numbers = self.numbers_of_entries
            account = PointByPoint(self.now, about=self.about, whose=whose, numbers=numbers)
            self.accounts[member] = account
        return self.accounts[member]

    def available(self, member: str) -> int:
        """How many points a member can spend."""
        return self.accounts[member].available if member in self.accounts else 0

    def _assign(self, content: Json, member: str) -> None:
        points = content["points"]
        if points > 0 and not self.is_member(member):
            raise Refused("not_a_member")
        if points > 0:
            lot = Lot(self.expiry(), COMMAND, content["command_id"])
            self.account(member).assign(lot, points)
        elif -points > self.available(member):
            raise Refused("insufficient_points")
        else:
            self.account(member).deduct(-points)

    def is_member(self, member: str) -> bool:
        """Whether he is one now; somebody never heard of is."""
        said = self.book.customers.get((self.merchant, member), [])
        return was_member(said, instant(self.now))

    def expiry(self) -> Micros:
        """When points expire that are assigned now."""
        return assigned_expiry(self.in_force, self.now)

    def _hold(self, content: Json, member: str) -> Json:
        ttl, points = content.get("ttl_seconds", 1800) * SECOND, content["points"]
        issued = moment_of(datetime.fromisoformat(content["issued_at"]))
        if issued + ttl <= self.now:
            raise Refused("too_late")
        if content["hold_id"] in self.holds:
            raise Refused("hold_exists")
        if content["purpose"] == "cash":
            self._check_cash(content, points)
        else:
            self._check_gifts(content, points)
        if points > self.available(member):
            more = {"changed": ["balance"]} if "quote" in content else {}
            raise Refused("insufficient_points", **more)
        ends = self.now + ttl
        self.account(member).hold(content["hold_id"], points, ends)
        redeem = self.in_force.get("redeem") or {}
        self.holds[content["hold_id"]] = Held(member, points, content["purpose"], ends, redeem)
        return {"expires_at": ends}

    def _check_cash(self, content: Json, points: int) -> None:
        cash = (self.in_force.get("redeem") or {}).get("cash")
        if cash is None or content.get("channel", "ec") not in cash.get("channels", ["ec"]):
            raise Refused("not_offered")
        if points < cash["unit_points"]:
            raise Refused("below_minimum")
        if points % cash["unit_points"]:
            raise Refused("not_a_unit")
        if "quote" in content:
            token = self.tokens.get(content["quote"])
            quotes.check(token, content["member_id"], points, self.in_force, self.now)

    def quote(self, cart: Json, available: int) -> tuple[int, str]:
        """The points and the code of the cart of a member who has so many."""
        return quotes.quote(cart, self.in_force, available, is_on=self.is_on())

    def sign(self, token: str, member: str, points: int) -> None:
        """A quote was signed."""
        rules = quotes.rules_of(self.in_force)
        self.tokens[token] = quotes.Token(member, points, rules, quotes.ends(self.now))

    def _check_gifts(self, content: Json, points: int) -> None:
        campaign = self.campaigns.get(content["campaign_id"])
        if campaign is None or campaign.removed:
            raise Refused("campaign_closed")
        if not campaign.starts <= self.now < campaign.ends:
            raise Refused("campaign_closed")
        wanted = [(gift["gift_id"], gift.get("quantity", 1)) for gift in content["gifts"]]
        names = [name for name, _ in wanted]
        if len(set(names)) < len(names) or not set(names) <= set(campaign.gifts):
            raise Refused("unknown_gift")
        if points != sum(campaign.gifts[name] * quantity for name, quantity in wanted):
            raise Refused("price_changed", changed=["gifts"])

    def _live(self, content: Json, member: str) -> Held:
        held = self.holds.get(content["hold_id"])
        if held is None or held.member != member:
            raise Refused("unknown_hold")
        if held.state == "captured":
            raise Refused("already_captured", order_id=held.order)
        if held.state == "released":
            raise Refused("already_released")
        if content["hold_id"] not in self.accounts[member].ends:
            raise Refused("hold_expired")
        return held

    def _capture(self, content: Json, member: str) -> Json:
        held, order = self._live(content, member), content["order_id"]
        points = content.get("points", held.points)
        if points > held.points:
            raise Refused("exceeds_hold")
        account = self.accounts[member]
        account.capture(content["hold_id"], order, points)
        number = max(n for o, n in account.taken if o == order)
        made = Capture(member, number, held.purpose, held.redeem)
        self.captures.setdefault(order, []).append(made)
        held.state, held.order = "captured", order
        return {"order_id": order}

    def _release(self, content: Json, member: str) -> None:
        held = self._live(content, member)
        held.state = "released"
        self.accounts[member].release(content["hold_id"])

    def _return_redeemed(self, content: Json, member: str) -> Json:
        order = content["order_id"]
        mine = [c for c in self.captures.get(order, []) if c.member == member]
        left = sum(self._out(order, capture) for capture in mine)
        points = content.get("points", left)
        if not left:
            raise Refused("nothing_to_return")
        if points > left:
            raise Refused("exceeds_redeemed")
        for capture in sorted(mine, key=lambda c: -c.number):
            part = min(points, self._out(order, capture))
            points -= part
            capture.manual += part
            self._give_back(order, capture, part)
        return {"order_id": order}

    def is_too_much(self, points: int) -> bool:
        """Whether one person alone may not give so many."""
        above = (self.in_force.get("assign") or {}).get("approval_above")
        return above is not None and points > above

    def _bulk(self, content: Json) -> Json:
        terms = (content["points"], content["reason"].strip(), str(content.get("notify")))
        job = content["job_id"]
        if self.is_too_much(content["points"] * len(content["members"])):
            raise Refused("approval_required")
        if self.jobs.setdefault(job, terms) != terms:
            raise Refused("job_changed")
        rows = []
        for member in content["members"]:
            code = "already_done" if (job, member) in self.given else "ok"
            if code == "ok" and not self.is_member(member):
                code = "not_a_member"
            if code == "ok":
                account = self.account(member)
                account.about = self.about._replace(name=("job", self.merchant, job, member))
                lot = Lot(self.expiry(), JOB, job)
                account.assign(lot, content["points"])
                self.lots_given[job, member] = lot, content["points"]
                self.given[job, member] = len(account.lines)
            rows.append(
                {
                    "member_id": member,
                    "outcome": "refused" if code == "not_a_member" else "applied",
                    "code": code,
                    "sequence": self.given.get((job, member)),
                }
            )
        return {
            "outcome": "applied",
            "repeated": False,
            "code": "partial" if any(r["code"] == "not_a_member" for r in rows) else "ok",
            "entries": [],
            "balance": None,
            "rows": rows,
            "job_id": job,
        }

    # --- the laws of orders

    def _settle(self, orders: list[str], cause: tuple[str, str] | None = None) -> None:
        """Give back what redeemed orders are due, then what all earn, then take."""
        known = [order for order in orders if (self.merchant, order) in self.book.orders]
        changes = [(order, *change) for order in known for change in self._redeem_changes(order)]
        for order, capture, points in changes:
            self._law(cause or ("order", order), order, capture)
            self._give_back(order, capture, max(0, points))
        for order in known:
            self._earn(order, cause or ("order", order))
        for order, capture, points in changes:
            if points < 0:
                self._law(cause or ("order", order), order, capture)
                self._take(order, capture, -points)

    def _law(self, cause: tuple[str, str], order: str, capture: Capture) -> None:
        named = ("redeemed", self.merchant, order, capture.member, capture.number)
        self.say(About(cause, self.version, name=named))

    def _out(self, order: str, capture: Capture) -> int:
        account = self.accounts.get(capture.member)
        taken = account.taken.get((order, capture.number)) if account is not None else None
        return taken.points - taken.returned if taken is not None else 0

    def _redeem_changes(self, order: str) -> Iterator[tuple[Capture, int]]:
        facts, bound = self.book.orders[self.merchant, order], self.book.bound(self.merchant, order)
        captures = self.captures.setdefault(order, [])
        made = [capture for capture in captures if capture.number]
        total = sum(self.accounts[c.member].taken[order, c.number].points for c in made)
        is_on = self._was_on(bound, self.book.bound_at(self.merchant, order))
        owed = debited(facts, bound, total, is_on=is_on)
        debtor = (facts.newest() or {}).get("customer_id") if owed else None
        if debtor and not any(c.member == debtor and not c.number for c in captures):
            captures.append(Capture(debtor, 0, "debit", {}))
        for capture in sorted(captures, key=lambda c: (c.number == 0, c.number)):
            points = owed if capture.member == debtor else 0
            if capture.number:
                points = self.accounts[capture.member].taken[order, capture.number].points
            redeem = capture.redeem if capture.number else (bound or {}).get("redeem") or {}
            back = given_back(points, capture.purpose, redeem, facts, bound)
            target = points - min(points, capture.manual + back)
            difference = self._out(order, capture) if capture.member in self.accounts else 0
            difference -= target
            if difference:
                yield capture, difference

    def _give_back(self, order: str, capture: Capture, points: int) -> None:
        if points:
            lot = debit_lot(self.expiry(), order)
            self.accounts[capture.member].give_back((order, capture.number), points, lot)

    def _take(self, order: str, capture: Capture, points: int) -> None:
        account = self.account(capture.member)
        if capture.number:
            account.take_again((order, capture.number), points)
        else:
            bound = self.book.bound(self.merchant, order)
            account.debit(order, points, self._number_of(bound))

    def _earn(self, order: str, cause: tuple[str, str]) -> None:
        facts = self.book.orders[self.merchant, order]
        version = self._number_of(self.book.bound(self.merchant, order))
        self.say(About(cause, version, order=order, name=("order", self.merchant, order)))
        is_final = self.book.explain(self.merchant, order).episode is not None
        earned = self.earned.setdefault(order, Earned())
        earned.settle(facts, is_final=is_final, order_id=order, accounts=self.account)


def _says_the_same(one: Settings, other: Settings) -> bool:
    return {**one, "effective_at": 0} == {**other, "effective_at": 0}
