"""Random steps on an account, done by the product's operations and point by point."""

from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

from rules.account import assigning, giving_back, holding
from rules.account.account import claw_back, grant
from rules.account.acts import Act, post
from rules.account.entries import Entry, OpenAccount, post_lapse
from rules.account.holds import Hold, Purpose
from rules.account.lots import LotKey, command_lot, order_debit_lot, order_lot
from rules.account.lots_needed import Intended
from rules.account.redemptions import Redemption
from schemas.events import CauseKind, EntryType, Performer, PerformerKind
from schemas.ids import NEVER, Micros
from schemas.packing import pack_id
from tests.oracle.account import Line, PointByPoint

STAFF = Performer(kind=PerformerKind.staff, id="mei")
KINDS = (
    "grant", "grant", "claw_back", "assign", "deduct", "hold", "hold", "capture", "capture",
    "release", "give_back", "give_back", "take_again", "debit",
)  # fmt: skip


class Step(NamedTuple):
    """One operation: what on, how many points, and where points without an old lot would go."""

    kind: str
    points: int
    lot: LotKey
    hold: str = ""
    order: str = ""
    number: int = 0
    end: Micros = 0

    @property
    def intended(self) -> Intended:
        """What the account must be opened for."""
        order_id = pack_id(self.order) if self.order else None
        hold_id = self.hold.encode() if self.hold else None
        takes = {"deduct", "hold", "take_again", "debit"}
        match self.kind:
            case "grant" | "assign":
                return Intended(self.points, self.lot)
            case "claw_back":
                return Intended(-self.points, self.lot)
            case "give_back":
                return Intended(0, self.lot, redeemed_on=order_id)
            case _:
                points = -self.points if self.kind in takes else 0
                return Intended(points, None, hold_id, order_id)


@dataclass
class Dice:
    """Steps that make sense on the account as it is, point by point."""

    random: Random
    book: PointByPoint
    start: Micros
    number: int = 0
    made: list[LotKey] = field(default_factory=list)

    def step(self) -> Step | None:
        """The next step, done on the book; None when the dice asked for what cannot be."""
        self.number += 1
        kind = self.random.choice(KINDS)
        step = self._of(kind)
        if step is not None:
            _do_by_points(self.book, step)
        return step

    def _of(self, kind: str) -> Step | None:
        book, chance = self.book, self.random
        some = chance.randint(1, 6)
        match kind:
            case "grant":
                order = chance.choice("abcd")
                lot = order_lot(self._expiry(), pack_id(order), chance.randint(1, 2))
                self.made.append(lot)
                return Step(kind, some, lot)
            case "claw_back":
                return Step(kind, some, chance.choice(self.made)) if self.made else None
            case "assign":
                return Step(kind, some, command_lot(self._later(), f"c{self.number}"))
            case "deduct" if book.available:
                return Step(kind, min(some, book.available), self._new("x"))
            case "hold" if book.available:
                end = book.now + chance.randint(1, 9)
                name = f"h{self.number}"
                return Step(kind, min(some, book.available), self._new("x"), name, end=end)
            case "capture" | "release" if book.ends:
                hold = chance.choice(sorted(book.ends))
                order = chance.choice("xyz") if kind == "capture" else ""
                held = len(book.those("held", hold))
                return Step(kind, chance.randint(1, held), self._new("x"), hold, order)
            case "give_back" | "take_again":
                return self._on_redemption(kind, some)
            case "debit":
                order = chance.choice("xyz")
                return Step(kind, some, self._new(order), order=order)
        return None

    def _on_redemption(self, kind: str, some: int) -> Step | None:
        back = {
            name: taken.points - taken.returned if kind == "give_back" else taken.returned
            for name, taken in self.book.taken.items()
        }
        names = sorted(name for name, most in back.items() if most)
        if not names:
            return None
        name = self.random.choice(names)
        order, number = name
        return Step(kind, min(some, back[name]), self._new(order), "", order, number)

    def _expiry(self) -> Micros:
        return self.random.choice([self.start + 3 * n for n in range(1, 9)] + [NEVER])

    def _later(self) -> Micros:
        return self.random.choice([self.book.now + 5, self.book.now + 12, NEVER])

    def _new(self, order: str) -> LotKey:
        return order_debit_lot(NEVER, pack_id(order))


def _do_by_points(book: PointByPoint, step: Step) -> None:
    match step.kind:
        case "grant" | "claw_back" | "assign":
            getattr(book, step.kind)(step.lot, step.points)
        case "deduct":
            book.deduct(step.points)
        case "hold":
            book.hold(step.hold, step.points, step.end)
        case "capture":
            book.capture(step.hold, step.order, step.points)
        case "release":
            book.release(step.hold)
        case "give_back":
            book.give_back((step.order, step.number), step.points, step.lot)
        case "take_again":
            book.take_again((step.order, step.number), step.points)
        case "debit":
            book.debit(step.order, step.points)


def do(opened: OpenAccount, step: Step, number: int) -> None:
    """The step by the product's own operations."""
    account = opened.account
    act = Act.of_command("shop", f"c{number}", 1, STAFF)
    match step.kind:
        case "grant" | "claw_back":
            _earn(opened, step, act)
        case "assign":
            assigning.assign(opened, act, step.points, step.lot)
        case "deduct":
            assigning.deduct(opened, act, step.points)
        case "hold":
            made = Hold(step.hold.encode(), step.points, Purpose.cash, step.end, 1, [])
            holding.hold(opened, act, made)
        case "capture":
            held = account.holds[step.hold.encode()]
            holding.capture(opened, act, held, pack_id(step.order), step.points)
        case "release":
            holding.release(opened, act, account.holds[step.hold.encode()])
        case _:
            _redeem(opened, step)


def _earn(opened: OpenAccount, step: Step, act: Act) -> None:
    """As store.ledger.postings does it."""
    gives, lot = step.kind == "grant", step.lot
    act.cause, act.cause_id = CauseKind.order, lot.source
    moved = (grant if gives else claw_back)(opened.account, lot, step.points)
    if moved.points:
        kind = EntryType.granted if gives else EntryType.clawed_back
        post(opened, act, kind, moved, settings_no=1, order_id=lot.source)
    if gives and lot.expires_at <= opened.now and opened.account.lots[lot].free:
        post_lapse(opened, lot)


def _redeem(opened: OpenAccount, step: Step) -> None:
    order_id = pack_id(step.order)
    redemption = (
        giving_back.debit_of(opened.account, order_id, 1)
        if step.kind == "debit"
        else redemption_of(opened, order_id, step.number)
    )
    act = Act.of_law("shop", "anna", redemption, 1, opened.now)
    match step.kind:
        case "give_back":
            giving_back.give_back(opened, act, redemption, step.points, step.lot)
        case "take_again":
            giving_back.take_again(opened, act, redemption, step.points)
        case _:
            giving_back.debit(opened, act, redemption, step.points)


def redemption_of(opened: OpenAccount, order_id: bytes, number: int) -> Redemption:
    """A redemption in hand by its number."""
    [found] = [one for one in opened.account.redemptions[order_id] if one.number == number]
    return found


def line_of(entry: Entry) -> Line:
    """An entry as the oracle says it."""
    lots = {key: points for key, points in entry.moved.lots if points}
    balance = (entry.available, entry.held, entry.debt)
    return Line(
        entry.type.name, entry.moved.points, entry.moved.held, lots, balance, entry.occurred_at
    )
