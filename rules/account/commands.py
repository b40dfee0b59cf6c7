"""What becomes of a command (account.md 3): refused with a code, or done on the opened account.

Refusals are looked for in the order of the closed list, so that everybody hears the same one. Those
that ask only for the command and the settings come first (`refused_at_once`), before anything is
locked; the rest is decided on the account, after what has fallen due on it was posted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from rules.account.acts import Act
from rules.account.assigning import assign, deduct
from rules.account.campaigns import GiftOffer, gift_refusal
from rules.account.entries import OpenAccount
from rules.account.expiry import expires_at
from rules.account.giving_back import give_back
from rules.account.holding import capture, hold, release
from rules.account.holds import Hold, HoldState, Purpose
from rules.account.in_force import InForce
from rules.account.lots import LotKey, command_lot, job_lot, lot_id, order_debit_lot
from rules.account.lots_needed import Intended
from rules.account.redemptions import return_order
from rules.quotes.tokens import QuoteKey, Terms, verify
from schemas.bulk.states import UNDO
from schemas.commands.bodies import (
    Assign,
    BulkAssign,
    Capture,
    HoldForCash,
    HoldForGift,
    Release,
    ReturnRedeemed,
)
from schemas.commands.codes import SENTENCES, Code
from schemas.commands.reading import Command, row_id
from schemas.events import PerformerKind
from schemas.ids import DAY, NEVER, SECOND, Micros
from schemas.packing import pack_id, unpack_id

AHEAD: Final = DAY
"""A command that was issued further ahead of now comes from a clock that is wrong."""
_UP_TO_HOLD_EXISTS: Final = frozenset({Code.ok, Code.too_late, Code.hold_exists})
_BEFORE_ISSUED_AT: Final = frozenset({Code.unknown_type, Code.invalid_command})


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why nothing was done; `order_id` has the hold already, `changed` is what a quote missed."""

    code: Code
    message: str | None = None
    order_id: str | None = None
    changed: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """A command that was applied; `expires_at` is that of a hold."""

    expires_at: Micros | None = None


_DONE: Final = Done()


class Situation(NamedTuple):
    """What commands of one merchant are judged by, besides the account.

    `quote_keys` verify quotes; `offers` are what campaigns offer, by the campaign's id.
    """

    merchant_id: str
    now: Micros
    in_force: InForce
    quote_keys: Sequence[QuoteKey]
    offers: Mapping[str, GiftOffer]

    @property
    def assigned_expires_at(self) -> Micros:
        """When points expire that are assigned now (account.md 7)."""
        rules = self.in_force.rules
        return NEVER if rules is None else expires_at(self.now, rules.expiry, rules.zone)


def refused_at_once(command: Command, situation: Situation, *, is_member: bool) -> Refusal | None:
    """The refusal that needs no account, for every code before the account is asked.

    `is_member` matters where one member is given points.
    """
    problem = command.problem
    comes_before = problem is not None and problem.code in _BEFORE_ISSUED_AT
    ahead = command.issued_at is not None and command.issued_at > situation.now + AHEAD
    if ahead and not comes_before:
        return Refusal(Code.invalid_command, "issued_at: lies more than 24 hours ahead")
    if problem is not None:
        return Refusal(problem.code, problem.message)
    body = command.body
    is_staffs = isinstance(body, (Assign, BulkAssign, ReturnRedeemed))
    if is_staffs and command.performer_kind is PerformerKind.member:
        return refusal(Code.not_allowed)
    begins = isinstance(body, (Assign, BulkAssign, HoldForCash, HoldForGift))
    if begins and not situation.in_force.feature:
        return refusal(Code.feature_off)
    if isinstance(body, Assign) and body.points > 0 and not is_member:
        return refusal(Code.not_a_member)
    return None


def refusal(code: Code, changed: tuple[str, ...] | None = None) -> Refusal:
    """A refusal with the usual sentence of its code."""
    return Refusal(code, SENTENCES[code], changed=changed)


def intents_of(command: Command, situation: Situation) -> list[Intended]:
    """What a command that was not refused at once may do to its member's account."""
    match command.body:
        case Assign(points=points):
            lot = _assigned_lot(command, situation) if points > 0 else first_lot(command)
            return [Intended(points=points, lot=lot, is_whole=True)]
        case HoldForCash() | HoldForGift() as body:
            return [Intended(points=-body.points, is_whole=True)]
        case Capture(hold_id=hold_id, order_id=order_id):
            return [Intended(hold_id=hold_id.encode(), redeemed_on=pack_id(order_id))]
        case Release(hold_id=hold_id):
            return [Intended(hold_id=hold_id.encode())]
        case ReturnRedeemed(order_id=order_id):
            packed = pack_id(order_id)
            return [Intended(lot=_returned_lot(packed, situation), redeemed_on=packed)]
    return []


def decide(command: Command, opened: OpenAccount, situation: Situation) -> Refusal | Done:
    """Apply a command that was not refused at once to its member's account, or refuse it."""
    match command.body:
        case Assign() as body:
            return _assign(command, body, opened, situation)
        case HoldForCash() | HoldForGift() as body:
            return _hold(command, body, opened, situation)
        case Capture() as body:
            return _capture(command, body, opened, situation)
        case Release() as body:
            found = _live_hold(opened, body.hold_id)
            if isinstance(found, Refusal):
                return found
            release(opened, act_of(command, situation), found)
            return _DONE
        case ReturnRedeemed() as body:
            return _return(command, body, opened, situation)
    raise ValueError("a bulk_assign has no account of its own")


def act_of(command: Command, situation: Situation) -> Act:
    """What a command of the right shape causes; a row of a job names the job as the cause."""
    body = command.body
    if body is None:
        raise ValueError("a command without a body is refused at once")
    act = Act.of_command(
        situation.merchant_id,
        command.command_id,
        situation.in_force.version,
        body.performer,
        body.reason if isinstance(body, (Assign, ReturnRedeemed)) else None,
        body.notify if isinstance(body, Assign) else None,
        command.traceparent,
    )
    if command.job_id is not None:
        act.cause_id = command.job_id.encode()
    return act


def _assigned_lot(command: Command, situation: Situation) -> LotKey:
    return command_lot(situation.assigned_expires_at, command.command_id)


def first_lot(command: Command) -> LotKey | None:
    """From which lot a row that undoes another takes first: what its job gave (account.md 7).

    A file's row made it as a command, a `bulk_assign` as a job.
    """
    if command.lot is None or command.job_id is None or command.member_id is None:
        return None
    undone, (name, until) = command.job_id.removesuffix(UNDO), command.lot
    given = command_lot(until, row_id(undone, command.member_id)), job_lot(until, undone)
    return next((lot for lot in given if lot_id(lot) == name), None)


def _returned_lot(order_id: bytes, situation: Situation) -> LotKey:
    return order_debit_lot(situation.assigned_expires_at, order_id)


def _assign(
    command: Command, body: Assign, opened: OpenAccount, situation: Situation
) -> Refusal | Done:
    act = act_of(command, situation)
    if body.points > 0:
        assign(opened, act, body.points, _assigned_lot(command, situation))
        return _DONE
    if -body.points > opened.account.available:
        return refusal(Code.insufficient_points)
    deduct(opened, act, -body.points, first_lot(command))
    return _DONE


def _hold(
    command: Command, body: HoldForCash | HoldForGift, opened: OpenAccount, situation: Situation
) -> Refusal | Done:
    ttl = body.ttl_seconds * SECOND
    if body.issued_at + ttl <= situation.now:
        return refusal(Code.too_late)
    hold_id = body.hold_id.encode()
    if hold_id in opened.hold_ids:
        return refusal(Code.hold_exists)
    if isinstance(body, HoldForCash):
        refused, purpose = _cash_refusal(body, situation), Purpose.cash
    else:
        refused, purpose = _gift_refusal(body, situation), Purpose.gift
    if refused is not None:
        return refused
    if body.points > opened.account.available:
        has_quote = isinstance(body, HoldForCash) and body.quote is not None
        return refusal(Code.insufficient_points, ("balance",) if has_quote else None)
    ends = situation.now + ttl
    new = Hold(hold_id, body.points, purpose, ends, situation.in_force.version, [])
    hold(opened, act_of(command, situation), new)
    return Done(ends)


def comes_after_hold_exists(code: Code) -> bool:
    """Whether a hold that was refused with this code was looked at with its id being free."""
    return code not in _UP_TO_HOLD_EXISTS


def _cash_refusal(body: HoldForCash, situation: Situation) -> Refusal | None:
    rules = situation.in_force.rules
    cash = rules.account.cash if rules is not None else None
    if rules is None or cash is None or body.channel not in cash.channels:
        return refusal(Code.not_offered)
    unit = cash.unit_points
    if body.points < unit:
        return Refusal(Code.below_minimum, f"At least {unit} points must be entered")
    if body.points % unit:
        return Refusal(Code.not_a_unit, f"The points must be a multiple of {unit}.")
    if body.quote is None:
        return None
    terms = Terms(situation.merchant_id, body.member_id, body.points, rules.account.digest)
    wrong = verify(situation.quote_keys, body.quote, terms, situation.now)
    if wrong is None:
        return None
    return refusal(Code(wrong), ("settings",) if wrong == "quote_changed" else None)


def _gift_refusal(body: HoldForGift, situation: Situation) -> Refusal | None:
    wanted = [(gift.gift_id, gift.quantity) for gift in body.gifts]
    offer = situation.offers.get(body.campaign_id)
    refused = gift_refusal(offer, wanted, body.points, situation.now)
    if refused is None:
        return None
    code = Code(refused)
    return refusal(code, ("gifts",) if code is Code.price_changed else None)


def _live_hold(opened: OpenAccount, hold_id: str) -> Hold | Refusal:
    """The member's live hold of that id, or why there is none."""
    found = opened.account.holds.get(hold_id.encode())
    if found is None:
        return refusal(Code.unknown_hold)
    if found.state == HoldState.captured:
        order_id = unpack_id(found.order_id) if found.order_id is not None else None
        return Refusal(Code.already_captured, SENTENCES[Code.already_captured], order_id)
    if found.state == HoldState.released:
        return refusal(Code.already_released)
    if not found.is_live_at(opened.now):
        return refusal(Code.hold_expired)
    return found


def _capture(
    command: Command, body: Capture, opened: OpenAccount, situation: Situation
) -> Refusal | Done:
    found = _live_hold(opened, body.hold_id)
    if isinstance(found, Refusal):
        return found
    if body.points is not None and body.points > found.points:
        return refusal(Code.exceeds_hold)
    capture(opened, act_of(command, situation), found, pack_id(body.order_id), body.points)
    return _DONE


def _return(
    command: Command, body: ReturnRedeemed, opened: OpenAccount, situation: Situation
) -> Refusal | Done:
    order_id = pack_id(body.order_id)
    redemptions = opened.account.redemptions.get(order_id, [])
    left = sum(one.out for one in redemptions)
    if not left:
        return refusal(Code.nothing_to_return)
    if body.points is not None and body.points > left:
        return refusal(Code.exceeds_redeemed)
    points, act = left if body.points is None else body.points, act_of(command, situation)
    for one in return_order(redemptions):
        part = min(points, one.out)
        if part:
            points -= part
            give_back(opened, act, one, part, _returned_lot(order_id, situation))
    return _DONE


def give_to_one_of_many(
    command: Command, body: BulkAssign, opened: OpenAccount, situation: Situation
) -> None:
    """Assign what a `bulk_assign` gives one of its members (account.md 7)."""
    act = Act.of_command(
        situation.merchant_id,
        body.job_id,
        situation.in_force.version,
        body.performer,
        body.reason,
        body.notify,
        command.traceparent,
        one_of_many=opened.member_id,
    )
    assign(opened, act, body.points, job_lot_of(body, situation))


def job_lot_of(body: BulkAssign, situation: Situation) -> LotKey:
    """The lot that a job gives each of its members."""
    return job_lot(situation.assigned_expires_at, body.job_id)
