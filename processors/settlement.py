"""From facts to effects, for every worker: decide each order, post the differences, plan."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from processors.redeeming import RedeemedOrders
from processors.trigger import Trigger
from rules.account.lots import order_lot
from rules.earning.binding import binding_of
from rules.earning.differences import Change, after_posting, changes
from rules.earning.entitlement import Entitlement, entitlement
from rules.earning.upstream_figures import compare
from rules.order.delivery import is_unfinished
from rules.order.facts import NOTHING_IN_FORCE, NOTHING_POSTED
from rules.order.family import Ancestor, creation_of
from rules.order.membership import UNKNOWN_BUYER
from schemas.events import ENTRY_TYPE_WORDS, EntryType
from schemas.ids import Micros
from schemas.settings import BoundRules
from store.ledger import postings as order_postings
from store.ledger.ledger import Ledger
from store.ledger.postings import Posting
from store.orders import customers, families
from store.orders.families import Kin
from store.orders.orders import OrderKey, OrderRow, Plan, write_plans
from store.postgres.session import Cursor
from store.settings.merchants import Merchants
from store.streams import recheck
from store.streams.recheck import RecheckKind, RecheckRequest


@dataclass(slots=True)
class Tally:
    """What a batch did, for metrics."""

    by_type: Mapping[str, int] = field(default_factory=dict)
    planned: int = 0
    granted: int = 0
    claimed: int = 0
    mismatched: int = 0
    """Orders that were found to have redeemed other points upstream than were captured."""
    figures: Mapping[str, int] = field(default_factory=dict)
    """Of the granted orders that carry the platform's own figure: how it compares with ours
    (`rules.earning.upstream_figures`).
    """


@dataclass(slots=True)
class _Decided:
    """An order with what it is entitled to, and the differences to post for it."""

    row: OrderRow
    entitlement: Entitlement
    postings: list[tuple[Change, Posting]]
    trigger: Trigger
    figure: str | None = None


def settle(
    cursor: Cursor,
    todo: Sequence[tuple[OrderRow, Trigger]],
    merchants: Merchants,
    now: Micros,
    *,
    look_at_all: bool = False,
) -> Tally:
    """Bring ledger, accounts, lots, events and plan in line with the facts of some locked orders.

    The rows' `posted`, `due_us` and `planned` are set; writing the rows themselves is left to the
    caller. Once a transaction, since the ledger can be opened only once. `look_at_all`: points may
    have been captured on orders that do not know of it yet.
    """
    if not todo:
        return Tally()
    bind(cursor, [row for row, _ in todo], merchants)
    decided = _decide_all(cursor, todo, merchants, now)
    postings = [posting for order in decided for _, posting in order.postings]
    by_account = order_postings.by_account(postings)
    redeemed = RedeemedOrders.find(cursor, todo, merchants, now, look_at_all=look_at_all)
    intents = by_account if redeemed is None else redeemed.intents(by_account)
    ledger = Ledger.open(cursor, intents, now, merchants.ids.__getitem__)
    if redeemed is not None:
        redeemed.leave_overtaken(cursor, ledger)
        redeemed.give_back(ledger)
    order_postings.apply(ledger, by_account)
    if redeemed is not None:
        redeemed.take(ledger)
    ledger.write()
    if redeemed is not None:
        redeemed.note_met(cursor)
    gone: list[tuple[int, Micros, bytes]] = []
    made: list[Plan] = []
    for order in decided:
        _plan(order, gone, made)
    tally = _tally(decided, ledger, len(made))
    tally.mismatched = redeemed.mismatched if redeemed is not None else 0
    _note_posted(decided)
    write_plans(cursor, gone, made)
    return tally


def _note_posted(decided: Sequence[_Decided]) -> None:
    """Set on the rows what is posted now."""
    for order in decided:
        facts, postings = order.row.facts, order.postings
        if postings or facts.posted.episode:
            done = [(change, posting.moved) for change, posting in postings]
            account_no = postings[-1][1].account_no if postings else None
            facts.posted = after_posting(facts, order.entitlement, done, account_no)


def _tally(decided: Sequence[_Decided], ledger: Ledger, planned: int) -> Tally:
    types = Counter([e.type for locked in ledger.accounts.values() for e in locked.entries])
    return Tally(
        by_type={ENTRY_TYPE_WORDS[entry_type]: count for entry_type, count in types.items()},
        planned=planned,
        granted=types[EntryType.granted],
        figures=Counter([order.figure for order in decided if order.figure is not None]),
    )


def bind(cursor: Cursor, rows: Sequence[OrderRow], merchants: Merchants) -> None:
    """Binds orders to settings as they are now (rules.md 1.7), descendants as their ancestors are.

    Asks for those that come from orders bound again. All is decided from the orders' own creation,
    never from what another one is bound to, so that orders that name each other come to rest.
    """
    merchants.keep_up(cursor)
    merchants.remember({row.merchant_no for row in rows})
    unbound = [row for row in rows if row.facts.settings_no < NOTHING_IN_FORCE]
    descended = [
        row
        for row in rows
        if (row.facts.origin.parent or row.facts.origin.sources) and row.facts.record is not None
    ]
    moved = _inherit(cursor, rows, descended) if descended else set()
    for some in (unbound, descended):
        for row in some:
            row.facts.settings_no = binding_of(row.facts, merchants.versions[row.merchant_no])
    # A descendant that is in hand may have been decided without this, so it is no exception.
    bound = {
        (row.merchant_no, row.order_id)
        for row in unbound
        if row.facts.settings_no >= NOTHING_IN_FORCE
    }
    if bound or moved:
        above = families.parents(cursor, bound | moved)
        recheck.add(
            cursor,
            [
                *[RecheckRequest(RecheckKind.ORDER, *key) for key in sorted(moved)],
                *[
                    RecheckRequest(RecheckKind.FAMILY, *key, before_us=families.GENERATIONS)
                    for key in sorted(above)
                ],
            ],
        )


def _inherit(
    cursor: Cursor, rows: Sequence[OrderRow], descended: Sequence[OrderRow]
) -> set[OrderKey]:
    """Looks up what orders take over from their ancestors.

    Answers those that had not named one of them before: it may be in others' hands now. Not what
    else comes from that one: a shop may name the same parent in all its orders.
    """
    new = families.add(
        cursor,
        [
            Kin(row.merchant_no, ancestor, row.order_id)
            for row in descended
            for ancestor in row.facts.origin.ancestors
        ],
    )
    in_hand: dict[OrderKey, Ancestor] = {}
    for row in rows:
        if (ancestor := families.as_ancestor(row.facts)) is not None:
            in_hand[row.key] = ancestor
    known = families.ancestors(cursor, [row.key for row in descended], in_hand)
    for row in descended:
        row.facts.inherited = creation_of(row.key, known)
    return {(one.merchant_no, one.child_id) for one in new}


def _decide_all(
    cursor: Cursor, todo: Sequence[tuple[OrderRow, Trigger]], merchants: Merchants, now: Micros
) -> list[_Decided]:
    """Decides those orders for which anything may be due or taken back.

    Of these alone the buyers are looked up.
    """
    chosen: list[tuple[OrderRow, Trigger, BoundRules | None]] = []
    for row, trigger in todo:
        facts = row.facts
        rules = merchants.rules[row.merchant_no, facts.settings_no]
        if (
            row.due_us is not None
            or facts.posted is not NOTHING_POSTED
            or not is_unfinished(facts, rules)
        ):
            chosen.append((row, trigger, rules))
    keys = {
        (row.merchant_no, r.member)
        for row, _, _ in chosen
        if (r := row.facts.record) is not None and r.member is not None
    }
    buyers = customers.buyers(cursor, keys) if keys else {}
    decided = []
    for row, trigger, rules in chosen:
        facts = row.facts
        if facts.record is not None and facts.record.member is not None:
            facts.buyer = buyers.get((row.merchant_no, facts.record.member), UNKNOWN_BUYER)
        entitled = entitlement(facts, rules, now, merchants.installs[row.merchant_no])
        order = _Decided(
            row,
            entitled,
            [
                (change, _posting(row, change, entitled, trigger))
                for change in changes(facts, entitled)
            ],
            trigger,
        )
        if (
            order.postings
            and order.postings[-1][0].type == "granted"
            and facts.record is not None
            and facts.record.summary_points is not None
        ):
            order.figure = compare(facts, rules, entitled)
        decided.append(order)
    return decided


def _posting(row: OrderRow, change: Change, entitled: Entitlement, trigger: Trigger) -> Posting:
    posted = row.facts.posted
    fresh = change.episode > posted.episode
    traceparent = trigger.traceparent()
    falls_due = fresh and entitled.episode > posted.episode
    return Posting(
        merchant_no=row.merchant_no,
        member=change.holder,
        type=EntryType[change.type],
        points=change.points,
        order_id=row.order_id,
        lot=order_lot(change.expires_at, row.order_id, change.episode),
        entry_base=posted.entries,
        settings_no=row.facts.settings_no or None,
        # A first grant became true when it fell due, not when it was looked at.
        occurred_at=(
            entitled.due_at if falls_due and entitled.due_at is not None else trigger.occurred_at
        ),
        cause=trigger.cause,
        cause_id=trigger.cause_id,
        fresh=fresh,
        traceparent=traceparent,
    )


def _plan(order: _Decided, gone: list[tuple[int, Micros, bytes]], made: list[Plan]) -> None:
    row, entitled = order.row, order.entitlement
    due = entitled.due_at if entitled.state == "planned" and entitled.points else None
    row.planned = entitled.points if due is not None else 0
    if due == row.due_us:
        return
    if row.due_us is not None:
        gone.append((row.merchant_no, row.due_us, row.order_id))
    if due is not None:
        # The trace of what made the plan, so that the grant can link to it.
        made.append((row.merchant_no, due, row.order_id, order.trigger.planned_by()))
    row.due_us = due
