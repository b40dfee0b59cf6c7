"""Commands applied and answered, in one transaction of whoever calls (account.md 3).

The worker, the command line and HTTP all come here: `apply_commands` takes values and answers
values, and what it writes goes with the caller's transaction. Locks are taken in the order that all
workers keep: jobs, orders, accounts, lots.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import orjson

from processors.commands.ahead import Ahead
from processors.commands.bulk import BulkCommands
from rules.account.account import Account
from rules.account.campaigns import GiftOffer
from rules.account.commands import (
    Done,
    Refusal,
    Situation,
    comes_after_hold_exists,
    decide,
    intents_of,
    refusal,
    refused_at_once,
)
from rules.account.entries import OpenAccount
from rules.account.lots_needed import Intended
from rules.earning.binding import known_at
from rules.order.membership import UNKNOWN_BUYER, Buyer, not_yet_a_member
from rules.quotes.tokens import QuoteKey
from schemas.commands.bodies import (
    Assign,
    BulkAssign,
    Capture,
    HoldForCash,
    HoldForGift,
    ReturnRedeemed,
)
from schemas.commands.codes import Code
from schemas.commands.reading import BULK, Command, read
from schemas.commands.results import Answer, key_of, result_of
from schemas.commands.rows import COMMAND_LINE, ORIGIN
from schemas.events import ENTRY_TYPE_WORDS, CauseKind
from schemas.ids import Micros
from schemas.packing import pack_id
from store.campaigns import reading as campaigns
from store.ledger import commands as kept
from store.ledger.accounts import AccountKey
from store.ledger.commands import Answered, CommandKey, CommandRace, Known, Seen
from store.ledger.holds import HoldIds, HoldKey, HoldRace
from store.ledger.ledger import Ledger
from store.orders import customers
from store.orders.orders import OrderKey
from store.postgres.session import Cursor
from store.postgres.together import Writes, races, together
from store.settings.merchants import Merchants
from store.streams import recheck
from store.streams.outbox import OutboxKind, Pack, packs_of
from store.streams.recheck import RecheckKind, RecheckRequest

_NO_POINTS: Final = (0, 0, 0)
RACES: Final = partial(races, hold=HoldRace, command=CommandRace)
"""What it means that keys were taken meanwhile which commands wrote."""


@dataclass(frozen=True, slots=True)
class Applied:
    """What commands did: the answers in their order, as the topic has them, and entries by type."""

    results: list[dict[str, Any]]
    by_type: Counter[str]


def apply_commands(
    cursor: Cursor,
    merchants: Merchants,
    commands: Sequence[Command],
    now: Micros,
    quote_keys: Sequence[QuoteKey] = (),
    published: Sequence[bytes] = (),
    last: Callable[[], object] | None = None,
    ahead: Ahead | None = None,
) -> Applied:
    """Applies commands in their order, keeps and publishes their answers.

    `quote_keys` verify the quotes that holds come with. `published` are the records of the
    commands where they did not come from the topic, and are to be sent there. `last` is called
    before the last statement. `ahead` is what was asked about these commands already.

    Raises CommandRace or HoldRace when another transaction was faster: then the caller rolls back
    and does all of it once more.
    """
    batch = _Batch(cursor, merchants, commands, now, quote_keys, ahead)
    batch.recognise()
    batch.judge()
    batch.open()
    for case in batch.cases:
        batch.answer(case)
    batch.look_again()
    return batch.write(published, last)


def to_publish(contents: Sequence[Mapping[str, Any]]) -> tuple[list[Command], list[bytes]]:
    """Commands that did not come from the topic, and their records that are to be sent there.

    They are marked with `x_origin`, and the worker meets them as repeats: so the topics tell the
    whole story. Raises Unreadable for a command nobody could be answered.
    """
    values = [orjson.dumps({**content, ORIGIN: COMMAND_LINE}) for content in contents]
    return [read(value) for value in values], values


def packed(
    commands: Sequence[Command],
    results: Sequence[Mapping[str, Any]],
    published: Sequence[bytes] = (),
) -> list[Pack]:
    """Rows of the outbox: what each command is answered, and commands that were applied here."""
    keys = [key_of(command) for command in commands]
    answers = [orjson.dumps(result) for result in results]
    return [
        *packs_of(OutboxKind.COMMAND_RESULT, list(zip(keys, answers, strict=True))),
        *packs_of(OutboxKind.COMMAND, list(zip(keys, published, strict=True)) if published else ()),
    ]


@dataclass(slots=True)
class _Case:
    """A command on its way to its answer: `first` is the one that it repeats, if any."""

    command: Command
    merchant_no: int | None
    account: AccountKey | None
    situation: Situation | None = None
    refused: Refusal | None = None
    answer: Answer | None = None
    first: "_Case | None" = None
    is_kept: bool = False


@dataclass(slots=True)
class _Batch:
    cursor: Cursor
    merchants: Merchants
    commands: Sequence[Command]
    now: Micros
    quote_keys: Sequence[QuoteKey]
    ahead: Ahead | None = None
    cases: list[_Case] = field(default_factory=list)
    situations: dict[int, Situation] = field(default_factory=dict)
    offers: dict[int, dict[str, GiftOffer]] = field(default_factory=dict)
    bulk: BulkCommands = field(default_factory=BulkCommands)
    seen: dict[AccountKey, Seen] = field(default_factory=dict)
    hold_ids: HoldIds = field(default_factory=dict)
    strangers: dict[AccountKey, OpenAccount] = field(default_factory=dict)
    kept: dict[CommandKey, Answered] = field(default_factory=dict)
    orders: set[OrderKey] = field(default_factory=set)
    ledger: Ledger | None = None

    def recognise(self) -> None:
        """Tells new commands from those that were answered before, and from keys used twice."""
        numbers = self.merchants.numbers
        self.merchants.look_up({command.merchant_id for command in self.commands})
        self.merchants.remember(
            {numbers[c.merchant_id] for c in self.commands if c.merchant_id in numbers}
        )
        self.cases = [self._case(command) for command in self.commands]
        known, self.hold_ids = self._known()
        firsts: dict[CommandKey, _Case] = {}
        for case in self.cases:
            if case.merchant_no is None:
                case.refused = refusal(Code.unknown_merchant)
                continue
            key = _key(case)
            before, first = known.get(key), firsts.setdefault(key, case)
            if before is not None:
                if before.fingerprint == case.command.fingerprint:
                    case.first, case.answer = case, before.answer
                else:
                    case.refused = refusal(Code.key_reused)
            elif first is case:
                case.is_kept = True
            elif first.command.fingerprint == case.command.fingerprint:
                case.first = first
            else:
                case.refused = refusal(Code.key_reused)

    def _known(self) -> Known:
        if self.ahead is not None:
            return self.ahead.known()
        keys = {_key(case): None for case in self.cases if case.merchant_no is not None}
        return kept.known(self.cursor, keys.keys(), self._wanted_holds())

    def _wanted_holds(self) -> list[HoldKey]:
        """The holds that are to be made: whether their ids are free is known before any lock.

        One that another transaction makes meanwhile is met when it is written, and where there is
        nothing to write by looking again (HoldRace).
        """
        return [
            (case.merchant_no, case.command.body.hold_id.encode())
            for case in self.cases
            if case.merchant_no is not None
            and isinstance(case.command.body, (HoldForCash, HoldForGift))
        ]

    def _case(self, command: Command) -> _Case:
        number = self.merchants.numbers.get(command.merchant_id)
        if number is None or not known_at(self.merchants.versions[number], self.now):
            return _Case(command, None, None)
        member = command.member_id
        account = (number, pack_id(member)) if member is not None else None
        return _Case(command, number, account, self._situation(number, command.merchant_id))

    def _situation(self, number: int, merchant_id: str) -> Situation:
        found = self.situations.get(number)
        if found is None:
            in_force = self.merchants.in_force(number, self.now)
            offers = self.offers.setdefault(number, {})
            found = Situation(merchant_id, self.now, in_force, self.quote_keys, offers)
            self.situations[number] = found
        return found

    def judge(self) -> None:
        """Refuses what can be refused without an account, set-wise for the whole batch."""
        new = [case for case in self.cases if case.is_kept]
        self._find_offers(new)
        buyers = customers.buyers(self.cursor, members) if (members := _given(new)) else {}
        for case in new:
            assert case.situation is not None  # noqa: S101 - a merchant that we know has one
            is_member = self._is_member(buyers, case.account)
            case.refused = refused_at_once(case.command, case.situation, is_member=is_member)
        self.bulk.begin(
            self.cursor,
            [
                (case.merchant_no or 0, case.command, case.situation)
                for case in new
                if case.refused is None and case.situation is not None
            ],
            lambda account: self._is_member(buyers, account),
        )
        for case in new:
            if isinstance(case.command.body, BulkAssign) and case.refused is None:
                case.refused = self.bulk.refusals.get(_key(case))

    def _find_offers(self, cases: Sequence[_Case]) -> None:
        """What the campaigns offer that holds of gifts name."""
        keys = [
            (case.merchant_no, case.command.body.campaign_id)
            for case in cases
            if case.merchant_no is not None and isinstance(case.command.body, HoldForGift)
        ]
        for (merchant_no, campaign_id), offer in campaigns.offers(self.cursor, keys).items():
            self.offers.setdefault(merchant_no, {})[campaign_id] = offer

    def _is_member(self, buyers: dict[AccountKey, Buyer], account: AccountKey | None) -> bool:
        buyer = buyers.get(account, UNKNOWN_BUYER) if account is not None else UNKNOWN_BUYER
        return not_yet_a_member(buyer, self.now) is None

    def open(self) -> None:
        """Locks the orders and accounts in hand, and posts what has fallen due on them."""
        intents, creates = self._intents()
        kept.lock_orders(self.cursor, self.orders)
        # A repeat is answered as it was, whatever has become of the account.
        asked = {case.account for case in self.cases if case.account and case.first is None}
        self.seen = kept.balances(self.cursor, sorted(asked - intents.keys()))
        # What a lapse or the end of a hold has made wrong is posted before it is told.
        due = {key: list[Intended]() for key, seen in self.seen.items() if seen.due_at <= self.now}
        self.ledger = Ledger.open(
            self.cursor,
            {**intents, **due},
            self.now,
            self.merchants.merchant_id,
            makes=creates,
            hold_ids=self.hold_ids,
            ahead=self.ahead.accounts if self.ahead is not None else None,
        )
        self._admit_strangers(intents.keys() - self.ledger.accounts.keys())

    def _intents(self) -> tuple[dict[AccountKey, list[Intended]], set[AccountKey]]:
        """What may be done to which account, and the accounts that are made if they are not there.

        Points can only be taken from accounts that exist: a stranger's refusal makes none.
        """
        intents: dict[AccountKey, list[Intended]] = {}
        creates: set[AccountKey] = set()
        for case in self.cases:
            if not case.is_kept or case.refused is not None or case.situation is None:
                continue
            body = case.command.body
            if isinstance(body, BulkAssign):
                for account, intent in self.bulk.intents(_key(case)):
                    intents.setdefault(account, []).append(intent)
                    creates.add(account)
            elif case.account is not None:
                wanted = intents_of(case.command, case.situation)
                intents.setdefault(case.account, []).extend(wanted)
                if isinstance(body, Assign) and body.points > 0:
                    creates.add(case.account)
                if isinstance(body, (Capture, ReturnRedeemed)):
                    self.orders.add((case.account[0], pack_id(body.order_id)))
        return intents, creates

    def _admit_strangers(self, accounts: set[AccountKey]) -> None:
        """Members without an account: nothing can be taken from them, and they hear so."""
        for key in accounts:
            hold_ids = self.hold_ids.setdefault(key[0], set())
            self.strangers[key] = OpenAccount("", "", Account(), [], self.now, self.now, hold_ids)

    def answer(self, case: _Case) -> None:
        """Decides one command, after all before it."""
        if case.answer is not None:
            return
        if case.first is not None:
            case.answer = case.first.answer
            return
        body = case.command.body
        if case.refused is None and isinstance(body, BulkAssign):
            case.answer = self._answer_bulk(case)
        else:
            case.answer = self._answer_one(case)
        if case.is_kept:
            self.kept[_key(case)] = Answered(case.command.fingerprint, case.answer)

    def _answer_one(self, case: _Case) -> Answer:
        opened = self._opened(case.account)
        outcome: Refusal | Done | None = case.refused
        before = len(opened.entries) if opened is not None else 0
        if outcome is None and opened is not None and case.situation is not None:
            outcome = decide(case.command, opened, case.situation)
        balance = self._balance(case, opened)
        if isinstance(outcome, Refusal):
            return Answer(
                outcome.code,
                outcome.message,
                self.now,
                balance=balance,
                order_id=outcome.order_id,
                changed=outcome.changed,
            )
        entries = opened.entries[before:] if opened is not None else []
        own = [entry.sequence for entry in entries if entry.cause is CauseKind.command]
        ends = outcome.expires_at if outcome is not None else None
        return Answer(Code.ok, None, self.now, own, balance, ends)

    def _answer_bulk(self, case: _Case) -> Answer:
        assert self.ledger is not None  # noqa: S101 - opened before anything is answered
        rows = self.bulk.give(_key(case), case.command, self.ledger.accounts)
        code, message = self.bulk.outcome_of(rows)
        return Answer(code, message, self.now, rows=rows)

    def _opened(self, account: AccountKey | None) -> OpenAccount | None:
        if account is None or self.ledger is None:
            return None
        return self.ledger.accounts.get(account) or self.strangers.get(account)

    def _balance(self, case: _Case, opened: OpenAccount | None) -> tuple[int, int, int] | None:
        if case.command.type == BULK:
            return None
        if opened is not None:
            account = opened.account
            return account.available, account.held, account.debt
        seen = self.seen.get(case.account) if case.account is not None else None
        return seen.balance if seen is not None else _NO_POINTS

    def look_again(self) -> None:
        """Raises HoldRace where a hold was refused whose id was taken since it was looked up.

        Another hold of the account may have been made while its lock was waited for. That the id is
        known comes before all that such a refusal says (account.md 3), as a replay would find.
        """
        if self.ahead is not None:
            return
        refused: list[HoldKey] = [
            (case.account[0], case.command.body.hold_id.encode())
            for case in self.cases
            if case.is_kept
            and case.refused is None
            and case.account is not None
            and isinstance(case.command.body, (HoldForCash, HoldForGift))
            and case.answer is not None
            and comes_after_hold_exists(case.answer.code)
        ]
        found = kept.hold_ids(self.cursor, refused)
        if any(hold_id in found.get(merchant_no, ()) for merchant_no, hold_id in refused):
            raise HoldRace

    def write(
        self, published: Sequence[bytes], last: Callable[[], object] | None = None
    ) -> Applied:
        """Writes the ledger, the answers for ever, and what is to be sent."""
        assert self.ledger is not None  # noqa: S101 - as in `_answer_bulk`
        results = []
        for case in self.cases:
            assert case.answer is not None  # noqa: S101 - each case was answered
            result = result_of(case.command, case.answer, repeated=case.first is not None)
            results.append(result)
        packs = packed(self.commands, results, published)
        with RACES(), together(self.cursor, last) as writes:
            self.ledger.write(packs, writes)
            self.bulk.write(writes)
            orders_touched(writes, self.cases_on_orders(), self.now)
            kept.remember(writes, self.kept)
        accounts = self.ledger.accounts.values()
        types = Counter(entry.type for opened in accounts for entry in opened.entries)
        return Applied(results, Counter({ENTRY_TYPE_WORDS[t]: n for t, n in types.items()}))

    def cases_on_orders(self) -> set[OrderKey]:
        """The orders on which something was redeemed or returned."""
        return {
            (case.account[0], pack_id(case.command.body.order_id))
            for case in self.cases
            if case.is_kept
            and case.account is not None
            and isinstance(case.command.body, (Capture, ReturnRedeemed))
            and case.answer is not None
            and case.answer.is_applied
        }


def _key(case: _Case) -> CommandKey:
    return case.merchant_no or 0, case.command.command_id.encode()


def _given(cases: Sequence[_Case]) -> list[AccountKey]:
    """The members that some commands want to give points to."""
    members: set[AccountKey] = set()
    for case in cases:
        body = case.command.body
        if isinstance(body, Assign) and body.points > 0 and case.account is not None:
            members.add(case.account)
        elif isinstance(body, BulkAssign) and case.merchant_no is not None:
            members |= {(case.merchant_no, pack_id(member)) for member in body.members}
    return sorted(members)


def orders_touched(cursor: Writes, orders: set[OrderKey], now: Micros) -> None:
    """Has the orders looked at again on which something was redeemed or returned (account.md 5).

    An order may be heard of in a transaction that runs beside this one: neither sees the other, and
    the row is worked off when both are over (architecture.md 2.3).
    """
    recheck.add(
        cursor,
        [
            RecheckRequest(RecheckKind.ORDER, merchant_no, order_id, since_us=now)
            for merchant_no, order_id in sorted(orders)
        ],
    )
