"""Why an order earns what it earns, in sentences: the steps of `points explain`.

Everything is decided by the rules themselves; this only tells, in the order in which a person would
ask: bound to what, earning for whom, how much, final when, due and expiring when, and what was
posted.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from cli.support.carrier_steps import CarrierTeller
from cli.support.formatting import day_of, day_shown, moment_shown, money_shown, points_shown
from cli.support.settings_steps import settings_steps
from rules.earning.earning import channel_of, counted_returns, goods_of
from rules.earning.entitlement import Entitlement, entitlement
from rules.earning.upstream_figures import compare, our_points
from rules.order import delivery
from rules.order.carrier_reports import number_of, reports_of
from rules.order.facts import OrderRecord, Parcel
from rules.order.options import is_known
from rules.order.trail import CANCELLED, COMPLETED, since
from schemas.events import EntryType
from schemas.ids import NEVER, Micros
from schemas.options import delivery_options
from schemas.packing import unpack_id
from schemas.settings import BoundRules
from store.reads.views import OrderEntry, OrderView


@dataclass(frozen=True, slots=True)
class Step:
    """One sentence, under a heading for people."""

    about: str
    text: str


@dataclass(frozen=True, slots=True)
class Explained:
    """An order decided at one moment, and why.

    `state` is the contract's: `granted` only once it is in the ledger.
    """

    view: OrderView
    decided: Entitlement
    state: str
    zone: str
    currency: str
    steps: tuple[Step, ...]


def explain(view: OrderView) -> Explained:
    """Decides the order by the same rules as the workers, at the moment of the view."""
    bound = view.settings
    rules = bound.rules if bound is not None else None
    decided = entitlement(view.facts, rules, view.now, view.installs)
    known = bound or view.newest
    zone = known.document.timezone if known is not None else "UTC"
    record = view.facts.record
    currency = (
        (record.currency if record else None) or (known.document.currency if known else None) or ""
    )
    # Due, but no worker has posted it yet: the points are still planned, for the balance too.
    state = "planned" if decided.state == "granted" and view.due_at is not None else decided.state
    teller = _Teller(view, decided, state, rules, zone, currency)
    return Explained(view, decided, state, zone, currency, tuple(teller.steps()))


@dataclass(frozen=True, slots=True)
class _Teller:
    view: OrderView
    decided: Entitlement
    state: str
    rules: BoundRules | None
    zone: str
    currency: str

    def steps(self) -> Iterator[Step]:
        """All steps, in order."""
        record = self.view.facts.record
        if record is None:
            yield Step("order", self._unknown())
        else:
            yield Step(
                "order",
                f"Created {self._at(record.created_at)}; its status is {record.status or 'not told'}.",
            )
            for text in settings_steps(self.view, record, self.decided.reason, self._at):
                yield Step("settings", text)
            if self.rules is not None:
                yield from self._bound(record, self.rules)
        for text in self._posted():
            yield Step("posted", text)

    def _bound(self, record: OrderRecord, rules: BoundRules) -> Iterator[Step]:
        for text in self._member(record, rules):
            yield Step("member", text)
        for text in self._amount(record, rules):
            yield Step("amount", text)
        yield from self._delivery(record, rules)
        for text in self._when(rules):
            yield Step("when", text)
        for text in self._ended(rules):
            yield Step("after", text)
        for text in self._upstream(record, rules):
            yield Step("upstream", text)

    def _at(self, moment: Micros) -> str:
        return f"{moment_shown(moment, self.zone)} ({self.zone})"

    def _money(self, amount: int) -> str:
        return money_shown(amount, self.currency)

    def _unknown(self) -> str:
        facts = self.view.facts
        if not (facts.parcels or facts.returns or facts.trail.entries):
            return "unknown_order: no record of this order has come."
        heard = [
            *(["deliveries"] if facts.parcels else []),
            *(["returns"] if facts.returns else []),
            *(["its removal"] if facts.trail.entries else []),
        ]
        return f"unknown_order: {' and '.join(heard)} came, but the order itself has not; all of it counts once it comes."

    def _member(self, record: OrderRecord, rules: BoundRules) -> Iterator[str]:
        if record.member is None:
            yield "no_member: the order belongs to no member."
        elif record.guest:
            yield f"guest_checkout: a guest checkout earns nothing, also for member {unpack_id(record.member)}."
        else:
            yield self._buyer(unpack_id(record.member), record)
        channel = channel_of(record.created_by)
        by = (
            f"Created by {record.created_by}" if record.created_by else "Who created it is not told"
        )
        allowed = " and ".join(sorted(rules.channels))
        if channel in rules.channels:
            yield f"{by}: channel {channel}, which earns ({allowed})."
        else:
            yield f"channel_excluded: {by.lower()}: channel {channel}; only {allowed} earns."
        if self.decided.reason == "pos_return":
            yield f"pos_return: a till's order of type {record.kind} earns nothing."
        if self.decided.reason == "temporary_order":
            yield "temporary_order: its status is temp."

    def _buyer(self, member: str, record: OrderRecord) -> str:
        registered = self.view.facts.buyer.registered_at
        if self.decided.reason == "registered_later" and registered is not None:
            return f"registered_later: {member} became a member {self._at(registered)}, after the order was made."
        if self.decided.reason == "not_a_member":
            return (
                f"not_a_member: {member} is a customer, and no member by the newest customer event."
            )
        if registered is not None and registered <= record.created_at:
            return f"Member {member}, registered {self._at(registered)}."
        return f"Member {member}."

    def _amount(self, record: OrderRecord, rules: BoundRules) -> Iterator[str]:
        yield self._goods(record, rules)
        yield "Delivery fee, payment fee, tax and extra fees never count."
        if record.user_credit and not rules.deduct_store_credit:
            spent = self._money(record.user_credit)
            yield f"Store credits spent ({spent}) do not lower the base (deduct_store_credit is off)."
        yield from self._returns(rules)
        earning = self.decided.earning
        if self.decided.reason == "feature_off":
            return
        goods = goods_of(record, deduct_store_credit=rules.deduct_store_credit)
        below = " (below zero counts as zero)" if goods < earning.returned else ""
        yield f"Base: {self._money(earning.base)}{below}."
        yield self._points(record, rules)

    def _goods(self, record: OrderRecord, rules: BoundRules) -> str:
        parts = [f"Subtotal {self._money(record.subtotal)}"]
        less = [
            (record.order_discount, "order discount"),
            (record.custom_discount, "custom discounts"),
            (record.points_to_cash, "points used as cash"),
            (
                record.user_credit if rules.deduct_store_credit else 0,
                "store credits (deduct_store_credit is on)",
            ),
        ]
        parts += [f"less {name} {self._money(amount)}" for amount, name in less if amount]
        goods = goods_of(record, deduct_store_credit=rules.deduct_store_credit)
        return ", ".join(parts) + (
            f" = {self._money(goods)}." if len(parts) > 1 else "; no discounts."
        )

    def _returns(self, rules: BoundRules) -> Iterator[str]:
        returns = self.view.facts.returns
        if not returns:
            return
        done = [r for r in returns if since(r.trail, COMPLETED) is not None]
        counted, total = self.decided.earning.returned, counted_returns(returns, None)
        if done:
            lowers = f"{self._money(counted)} of it lowers the base"
            yield f"Completed returns: {len(done)}, together {self._money(total)}; {lowers}."
        if rules.keep and counted < total:
            yield "on_return is keep: returns dated at or after the due date change nothing."
        if len(done) < len(returns):
            yield f"Returns not completed: {len(returns) - len(done)}; they do not count."

    def _points(self, record: OrderRecord, rules: BoundRules) -> str:
        reason, base, tier = (
            self.decided.earning.reason,
            self.decided.earning.base,
            self.view.facts.tier,
        )
        if reason == "currency_mismatch":
            theirs = f"the settings in {rules.currency}"
            return (
                f"currency_mismatch: the order is in {record.currency}, {theirs}; it earns nothing."
            )
        if reason == "no_rule_for_tier":
            whose = f"tier {tier}" if tier else "an order without tier"
            return f"no_rule_for_tier: there is no rule for {whose} and no general one."
        unit, per_unit = rules.unit_by_tier.get(tier) or rules.unit_by_tier.get(None) or (0, 0)
        if not unit:
            return "It earns nothing."
        whose = (
            f"the rule of tier {tier}"
            if tier in rules.unit_by_tier and tier is not None
            else "the general rule"
        )
        also = (
            f" (tier {tier} has none of its own)"
            if tier is not None and tier not in rules.unit_by_tier
            else ""
        )
        rule = f"{points_shown(per_unit)} for every full {money_shown(unit, rules.currency)}, {whose}{also}"
        made = f"{base // unit:,} × {per_unit:,} = {points_shown(base // unit * per_unit)}"
        if reason == "over_limit":
            return f"over_limit: {rule}: {made}; more than 1,000,000,000 points is taken for a mistake and earns nothing."
        return f"{rule[0].upper()}{rule[1:]}: {made}" + (
            f", if it could earn ({reason})." if reason else "."
        )

    def _delivery(self, record: OrderRecord, rules: BoundRules) -> Iterator[Step]:
        facts, carriers = (
            self.view.facts,
            CarrierTeller(self.view.facts, rules, self.view.numbers, self._at),
        )
        told = True
        if rules.on_completed:
            yield Step(
                "delivery",
                "grant_on is order_completed: the order is final when its status is completed, whatever its delivery.",
            )
        elif delivery.completes_without_delivery(facts):
            yield Step(
                "delivery", "Nothing is delivered: the order is final when its status is completed."
            )
        elif not facts.parcels:
            yield Step("delivery", "No delivery is known yet, so it is not final.")
        else:
            told = False
            yield from self._parcels(rules, carriers)
        for text in carriers.of_no_parcel():
            yield Step("carrier", text)
        if self.view.awaiting:
            what = (
                "1 report names"
                if self.view.awaiting == 1
                else f"{self.view.awaiting} reports name"
            )
            yield Step(
                "carrier",
                f"{what} this order's id and no merchant: parked while several merchants have such an order.",
            )
        if told and self.decided.final_at is None:
            yield Step(
                "delivery", f"Its status is {record.status or 'not told'}; completed is awaited."
            )

    def _parcels(self, rules: BoundRules, carriers: CarrierTeller) -> Iterator[Step]:
        for parcel in self.view.facts.parcels:
            yield Step("delivery", self._parcel(parcel, rules))
            for text in carriers.of_parcel(parcel):
                yield Step("carrier", text)
        if len(self.view.facts.parcels) > 1:
            several = "With several parcels, the order is final when all that are not returned or lost are"
            yield Step("delivery", f"{several}, at the last of their moments.")

    def _parcel(self, parcel: Parcel, rules: BoundRules) -> str:
        record, awaited = parcel.record, delivery.awaited_status(parcel, rules.overrides)
        option = record.option or "a delivery option without a name"
        number = number_of(parcel, self.view.facts)
        numbered = f", number {number.decode('ascii', 'replace')}" if number else ""
        head = f"Parcel {unpack_id(record.parcel_id)}{numbered}: {option} is final at {_awaited(awaited)} ({_whence(parcel, rules)})"
        it_is = "By upstream it is" if reports_of(parcel, self.view.facts) else "It is"
        moment = delivery.final_moment(parcel, rules.overrides)
        status = f"{record.status or 'not told'}{', logistics failed' if record.failed else ''}"
        if moment is not None:
            return f"{head}. {it_is} {status}: final {self._at(moment)}, by {_evidence(parcel, moment)}."
        gone = delivery.gone_back_since(parcel)
        if gone is not None:
            return (
                f"{head}. {it_is} {status} since {self._at(gone)}: returned or lost is not final."
            )
        waits = (
            " It waits to be collected."
            if record.status == "arrived" and awaited == "collected"
            else ""
        )
        return f"{head}. {it_is} {status}: {awaited} is awaited.{waits}"

    def _when(self, rules: BoundRules) -> Iterator[str]:
        now = self.decided
        if now.final_at is None or now.due_at is None or now.expires_at is None:
            if self.state == "waiting" and self.view.facts.posted.episode:
                yield "Finality was lost; when it is final again there is a new due date and expiry."
            return
        episode = f" (finality no. {now.episode})" if now.episode > 1 else ""
        yield f"Final {self._at(now.final_at)}{episode}."
        yield self._due(rules, now.final_at, now.due_at)
        yield self._expiry(rules, now.due_at, now.expires_at)

    def _due(self, rules: BoundRules, final: Micros, due: Micros) -> str:
        if not rules.pending_days:
            how = "at once (pending_days is 0)"
        else:
            first, last = day_of(final, self.zone), day_of(due, self.zone)
            how = f"{first} + {rules.pending_days} days = {last}, at 00:00 of that day"
        verb = "Was due" if due <= self.view.now else "Due"
        if self.decided.reason is not None:
            verb = "Would be due"
        late = (
            ", not posted yet: the grants worker does it within a second when it runs"
            if self._late()
            else ""
        )
        return f"{verb} {self._at(due)}: {how}{late}."

    def _late(self) -> bool:
        return self.state == "planned" and self.decided.state == "granted"

    def _expiry(self, rules: BoundRules, due: Micros, expires: Micros) -> str:
        if expires == NEVER or rules.expiry is None:
            return "The points never expire."
        month, day = rules.expiry
        year = day_of(due, self.zone).year
        over = " They are over." if expires <= self.view.now else ""
        until = f"usable until {day_shown(expires, self.zone)} ({self.zone})"
        return f"The points of {year} expire on {month}/{day} of the next year: {until}.{over}"

    def _ended(self, rules: BoundRules) -> Iterator[str]:
        cancelled = since(self.view.facts.trail, CANCELLED)
        if cancelled is not None:
            if self.decided.kept:
                kept = "at or after the due date: on_return is keep, so the points stay"
                yield f"Cancelled or removed {self._at(cancelled)}, {kept}."
            else:
                yield f"Cancelled or removed since {self._at(cancelled)}: it earns nothing while that stands."
        elif self.decided.reason == "returned":
            yield "Wholly returned: nothing is left that earns."
        if rules.keep and self._went_back_when_due(rules):
            yield "A parcel went back at or after the due date: on_return is keep, so the points stay."

    def _went_back_when_due(self, rules: BoundRules) -> bool:
        due = self.decided.due_at
        told = delivery.standings(self.view.facts, rules.overrides) if due is not None else []
        return any(
            word.at >= (due or 0)
            for one in told
            for voice in one
            for word in voice.gone
            if not word.reversal
        )

    def _upstream(self, record: OrderRecord, rules: BoundRules) -> Iterator[str]:
        outcome = compare(self.view.facts, rules, self.decided)
        if outcome is None or record.summary_points is None:
            return
        days = f" after {record.summary_days} days" if record.summary_days is not None else ""
        theirs, mine = points_shown(record.summary_points), points_shown(our_points(self.decided))
        yield (
            f"The platform's own figure (member_point_summary) is {theirs}{days}, ours {mine} after {rules.pending_days}: "
            f"{outcome}. It is compared, and never paid from."
        )

    def _posted(self) -> Iterator[str]:
        if not self.view.entries:
            if self.view.facts.record is not None:
                yield (
                    "Nothing was posted."
                    if self.state != "planned"
                    else f"Nothing is posted yet; {points_shown(self.view.planned)} planned."
                )
            return
        for entry in self.view.entries:
            yield self._entry(entry)
        yield f"Posted in all: {points_shown(self.view.granted)}."

    def _entry(self, entry: OrderEntry) -> str:
        word = entry.type.name
        expiry = ""
        if entry.type is not EntryType.expired and entry.expires_at is not None:
            expiry = (
                f", expiring {day_shown(entry.expires_at, self.zone)}"
                if entry.expires_at != NEVER
                else ", never expiring"
            )
        when = moment_shown(entry.recorded_at, self.zone)
        which = f"(sequence {entry.sequence}{expiry})"
        return f"{when} {word} {entry.points:+,} for member {entry.member_id} {which}."


def _awaited(status: str) -> str:
    return "collected" if status == "collected" else "arrived or collected"


def _whence(parcel: Parcel, rules: BoundRules) -> str:
    option = parcel.record.option
    if option in rules.overrides:
        return "the merchant's delivery_overrides"
    if option is None or not is_known(option):
        kind = "a pick-up" if parcel.record.pickup else "as for options that are not integrated"
        return f"not in the table of options: {kind}"
    row = delivery_options()[option]
    if row.final == "by_delivery_type":
        return f"table of options: {row.line}, by its delivery type, {'pick-up' if parcel.record.pickup else 'no pick-up'}"
    return f"table of options: {row.line}"


def _evidence(parcel: Parcel, moment: Micros) -> str:
    """Which field shows the moment: the trail's records may be older than the newest one."""
    for entry in reversed(parcel.trail.entries):
        arrived = entry.state.name == "ARRIVED"
        if moment == entry.said_at:
            return "its arrived_at" if arrived else "its collected_at"
        if moment == entry.also_at:
            return "its collected_at" if arrived else "its arrived_at"
    return "the earliest updated_at of the records in that state"
