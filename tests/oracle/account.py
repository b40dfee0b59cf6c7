"""An account whose every point is a thing of its own: slow, plain, and no code of the product's.

A point lies in a lot and is free, held, spent, gone, or has paid debt. All that the product does
with figures of lots is here done to points one by one.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, NamedTuple

Lot = Any
"""Whatever sorts as lots are spent and has `expires_at`."""


class About(NamedTuple):
    """What an entry says of its cause: kind and id, order, hold, reason, settings version.

    `name` is what its event's id is made of. Of a command `by` is its performer, kind and id, and
    `notify` says whom it wants told, by mail and by SMS.
    """

    cause: tuple[str, str] = ("", "")
    version: int | None = None
    reason: str | None = None
    order: str | None = None
    hold: str | None = None
    name: tuple[str | int, ...] = ()
    by: tuple[str, str] | None = None
    notify: tuple[bool, bool] | None = None


NUMBERED = ("command", "job", "order", "redeemed")
"""What may make several entries: their number follows the name."""


class Line(NamedTuple):
    """An entry: type, points, change of held, change by lot, balance after it, instant."""

    type: str
    points: int
    held: int
    lots: dict[Lot, int]
    balance: tuple[int, int, int]
    occurred_at: int


@dataclass
class Point:
    """`state` is free, held, spent, expired, taken or paid; `owner` the hold or the redemption."""

    lot: Lot
    state: str = "free"
    owner: Any = None


@dataclass
class Taken:
    """A redemption: what was taken when nothing was there, and what came back in all."""

    name: tuple[str, int]
    points: int = 0
    owed: int = 0
    returned: int = 0
    version: int | None = None
    """That of its hold, or of a debit's order, which its entries keep."""


@dataclass
class PointByPoint:
    """The account. Whoever calls asks for nothing that must be refused."""

    now: int = 0
    debt: int = 0
    points: list[Point] = field(default_factory=list)
    ends: dict[str, int] = field(default_factory=dict)
    """Live holds and when they end."""
    taken: dict[tuple[str, int], Taken] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)
    abouts: list[About] = field(default_factory=list)
    """What each of `lines` says of its cause."""
    about: About = field(default_factory=About)
    """What is happening, as whoever calls has said before."""
    versions: dict[str, int | None] = field(default_factory=dict)
    """The settings version in force when each hold was made."""
    whose: tuple[str, str] = ("", "")
    """Merchant and member."""
    numbers: Counter[tuple[str | int, ...]] = field(default_factory=Counter)
    """How many entries have a name, over all accounts of the merchant."""

    def those(self, state: str, owner: Any = None) -> list[Point]:
        """Points in a state, the soonest to expire first."""
        found = [p for p in self.points if p.state == state and owner in (None, p.owner)]
        return sorted(found, key=lambda point: point.lot)

    @property
    def available(self) -> int:
        """How many can be spent, of lots that were not lapsed when last looked at."""
        return len(self.those("free"))

    def lots(self) -> dict[Lot, tuple[int, int, int]]:
        """Remaining, held and expired by lot."""
        states = Counter((p.lot, p.state) for p in self.points)
        return {
            lot: (
                states[lot, "free"] + states[lot, "held"],
                states[lot, "held"],
                states[lot, "expired"],
            )
            for lot in {p.lot for p in self.points}
        }

    def to(self, moment: int) -> None:
        """Time passes, and what falls due on the way happens in its order."""
        self.now = moment
        clock = 0
        while True:
            ending = [(end, 0, hold) for hold, end in self.ends.items()]
            lapsing = [(max(p.lot.expires_at, clock), 1, p.lot) for p in self.those("free")]
            instant, kind, what = min([*ending, *lapsing], default=(moment + 1, 0, ""))
            if instant > moment:
                return
            clock = max(clock, instant)
            if kind:
                self._expire(what, instant)
            else:
                name = ("hold", self.whose[0], what)
                ended = About(("hold_timeout", what), self.versions[what], hold=what, name=name)
                self._set_free(what, instant, ended)

    def _expire(self, lot: Lot, instant: int) -> None:
        gone = [p for p in self.those("free") if p.lot == lot]
        before = sum(1 for p in self.those("expired") if p.lot == lot)
        for point in gone:
            point.state = "expired"
        text = getattr(lot, "name", "")
        name = ("lot", *self.whose, text, lot.expires_at, before)
        about = About(("expiry", text), order=getattr(lot, "order", None), name=name)
        self._line("expired", -len(gone), 0, Counter({lot: -len(gone)}), instant, about)

    def _set_free(self, hold: str, instant: int, about: About) -> None:
        freed = self.those("held", hold)
        del self.ends[hold]
        for point in freed:
            self._come_back(point)
        self._line("released", 0, -len(freed), -_by_lot(freed), instant, about)

    def _come_back(self, point: Point) -> None:
        point.owner, point.state = None, "free"
        if self.debt:
            self.debt, point.state = self.debt - 1, "paid"

    def _come(self, kind: str, lot: Lot, count: int) -> None:
        made = [Point(lot) for _ in range(count)]
        self.points += made
        for point in made:
            self._come_back(point)
        usable = [p for p in made if p.state == "free"]
        self._line(kind, count, 0, _by_lot(usable), self.now)

    def _take(self, count: int, first: Lot = None) -> list[Point]:
        free = self.those("free")
        free.sort(key=lambda point: point.lot != first)
        return free[:count]

    def grant(self, lot: Lot, count: int) -> None:
        """An order earns."""
        self._come("granted", lot, count)
        if lot.expires_at <= self.now and self.those("free"):
            self._lapse([lot], lot.expires_at)

    def claw_back(self, lot: Lot, count: int) -> None:
        """An order loses; what its lot let expire is gone already."""
        count -= sum(1 for p in self.points if p.lot == lot and p.state == "expired")
        if count <= 0:
            return
        gone = self._take(count, lot)
        for point in gone:
            point.state = "taken"
        self.debt += count - len(gone)
        self._line("clawed_back", -count, 0, -_by_lot(gone), self.now)

    def assign(self, lot: Lot, count: int) -> None:
        """Staff give."""
        self._come("assigned", lot, count)

    def deduct(self, count: int, first: Lot = None) -> None:
        """Staff take, of one lot first where one is named."""
        gone = self._take(count, first)
        for point in gone:
            point.state = "taken"
        self._line("deducted", -count, 0, -_by_lot(gone), self.now)

    def hold(self, name: str, count: int, end: int) -> None:
        """A shopper sets points aside."""
        aside = self._take(count)
        for point in aside:
            point.state, point.owner = "held", name
        self.ends[name], self.versions[name] = end, self.about.version
        self._line("held", 0, count, _by_lot(aside), self.now, self._of_hold(name))

    def _of_hold(self, name: str) -> About:
        return self.about._replace(version=self.versions[name], hold=name)

    def capture(self, name: str, order: str, count: int) -> None:
        """The order takes so many of a hold, and the rest is free."""
        number = 1 + max([n for o, n in self.taken if o == order], default=0)
        spent = self.those("held", name)[:count]
        for point in spent:
            point.state, point.owner = "spent", (order, number)
        version = self.versions[name]
        self.taken[order, number] = Taken((order, number), count, version=version)
        about = self._of_hold(name)._replace(order=order)
        self._line("redeemed", -count, -count, -_by_lot(spent), self.now, about)
        if self.those("held", name):
            self.release(name)
        else:
            del self.ends[name]

    def release(self, name: str) -> None:
        """A hold is given up."""
        lots = [p.lot for p in self.those("held", name)]
        self._set_free(name, self.now, self._of_hold(name))
        self._lapse(lots, self.now)

    def _lapse(self, lots: list[Lot], since: int) -> None:
        for lot in sorted(set(lots)):
            if lot.expires_at <= self.now and any(p.lot == lot for p in self.those("free")):
                self._expire(lot, max(lot.expires_at, since))

    def give_back(self, name: tuple[str, int], count: int, new: Lot) -> None:
        """What an order took comes back: of debt first, then to its lots, the latest first."""
        taken = self.taken[name]
        from_debt = min(count, taken.owed)
        taken.owed -= from_debt
        taken.returned += count
        fresh = [Point(new) for _ in range(from_debt)]
        back = self.those("spent", name)[::-1][: count - from_debt]
        for point in [*fresh, *sorted(back, key=lambda point: point.lot)]:
            self._come_back(point)
        self.points += [p for p in fresh if p.state == "free"]
        usable = [p for p in [*fresh, *back] if p.state == "free"]
        about = self.about._replace(order=name[0])
        self._line("returned", count, 0, _by_lot(usable), self.now, about)
        self._lapse([p.lot for p in usable], self.now)

    def take_again(self, name: tuple[str, int], count: int) -> None:
        """A give-back is undone, into debt where nothing is there."""
        self.taken[name].returned -= count
        self._spend(name, count)

    def debit(self, order: str, count: int, version: int | None = None) -> None:
        """An order that redeemed elsewhere takes points without a hold, by its own settings."""
        name = (order, 0)
        self.taken.setdefault(name, Taken(name, version=version)).points += count
        self._spend(name, count)

    def _spend(self, name: tuple[str, int], count: int) -> None:
        spent = self._take(count)
        for point in spent:
            point.state, point.owner = "spent", name
        self.debt += count - len(spent)
        self.taken[name].owed += count - len(spent)
        about = self.about._replace(order=name[0])
        if self.taken[name].version is not None:
            about = about._replace(version=self.taken[name].version)
        self._line("redeemed", -count, 0, -_by_lot(spent), self.now, about)

    def _line(
        self,
        kind: str,
        points: int,
        held: int,
        lots: Any,
        instant: int,
        about: About | None = None,
    ) -> None:
        balance = (len(self.those("free")), len(self.those("held")), self.debt)
        changed = {lot: count for lot, count in lots.items() if count}
        self.lines.append(Line(kind, points, held, changed, balance, instant))
        self.abouts.append(self._numbered(self.about if about is None else about))

    def _numbered(self, about: About) -> About:
        if not about.name or about.name[0] not in NUMBERED:
            return about
        self.numbers[about.name] += 1
        return about._replace(name=(*about.name, self.numbers[about.name]))


def _by_lot(points: list[Point]) -> "_Change":
    return _Change(p.lot for p in points)


class _Change(Counter[Lot]):
    """Points by lot, with a sign."""

    def __neg__(self) -> "_Change":
        return _Change({lot: -count for lot, count in self.items()})
