"""Jobs of a shop's staff: files that give, and what takes back what a job gave (account.md 7).

A job is applied some rows at a time, cancelled and gone on with in between.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.oracle.account import About
from tests.oracle.commands import Json, Refused
from tests.oracle.lots import COMMAND, Lot
from tests.oracle.shop import Shop

UNDO = ":undo"
MAKER = "mei"
"""Whoever makes jobs."""


@dataclass
class Row:
    """What is to be given to a member, or taken (below 0) of a lot first; `told` once applied."""

    member: str
    points: int
    lot: Lot | None = None
    told: Json | None = None


@dataclass
class Job:
    """A job: its rows in pieces, of which the first `done` are applied.

    `waits`: for a second person.
    """

    reason: str
    pieces: list[list[Row]] = field(default_factory=list)
    done: int = 0
    cancelled: bool = False
    waits: bool = False

    def rows(self) -> Iterator[Row]:
        """All rows in their order."""
        for piece in self.pieces:
            yield from piece


@dataclass
class Jobs:
    """The jobs of a shop, applied `piece` rows at a time."""

    shop: Shop
    piece: int
    all: dict[str, Job] = field(default_factory=dict)

    def hand_in(self, name: str, rows: list[tuple[str, int]], reason: str) -> None:
        """A file becomes a job. Raises Refused."""
        if not self.shop.is_on():
            raise Refused("feature_off")
        too_much = self.shop.is_too_much(sum(points for _, points in rows))
        self.all[name] = Job(reason, waits=too_much)
        self._add(self.all[name], [Row(member, points) for member, points in rows])

    def _add(self, job: Job, rows: list[Row]) -> None:
        job.pieces += [rows[at : at + self.piece] for at in range(0, len(rows), self.piece)]

    def cancel(self, name: str) -> None:
        """What is left of a job is not applied. Raises Refused."""
        job = self.all[name]
        if not job.cancelled and job.done == len(job.pieces):
            raise Refused("not_cancellable")
        job.cancelled, job.waits = True, False

    def approve(self, name: str, by: str) -> None:
        """A second person lets a job go on. Raises Refused."""
        if not self.all[name].waits:
            raise Refused("no_approval_needed")
        if by == MAKER:
            raise Refused("same_person")
        self.all[name].waits = False

    def undo(self, name: str, reason: str) -> None:
        """A job makes that takes back what another gave, or is gone on with. Raises Refused."""
        if not (self.shop.in_force.get("assign") or {}).get("bulk_undo"):
            raise Refused("not_allowed")
        if not self.shop.is_on():
            raise Refused("feature_off")
        if name.endswith(UNDO):
            raise Refused("not_allowed")
        job = self.all.get(name)
        if job is not None and not job.cancelled and job.done < len(job.pieces):
            raise Refused("job_not_done")
        known = self.all.get(name + UNDO)
        undoing = known or Job(reason)
        before = len(undoing.pieces)
        if job is not None and known is None:
            undoing.pieces = _taken(job)
        elif job is None:
            there = {row.member for row in undoing.rows()}
            self._add(undoing, [row for row in self._given(name) if row.member not in there])
        if len(undoing.pieces) > before or undoing.cancelled:
            undoing.reason, undoing.cancelled = reason, False
        self.all[name + UNDO] = undoing

    def _given(self, name: str) -> list[Row]:
        """What commands gave to their members."""
        given = sorted(self.shop.lots_given.items())
        return [Row(who, -points, lot) for (job, who), (lot, points) in given if job == name]

    def go_on(self, name: str, pieces: int) -> None:
        """Applies so many pieces, if there are. Raises Refused, what is done being done."""
        job = self.all[name]
        for _ in range(pieces):
            if job.waits:
                raise Refused("approval_required")
            if job.cancelled:
                raise Refused("job_cancelled")
            if job.done == len(job.pieces):
                return
            if not self.shop.is_on():
                raise Refused("feature_off")
            for row in job.pieces[job.done]:
                row.told = self._give(name, row) if row.points > 0 else self._take(name, row)
            job.done += 1

    def _give(self, name: str, row: Row) -> Json:
        if not self.shop.is_member(row.member):
            return _told("not_a_member")
        id_ = self._begin(name, row)
        row.lot = Lot(self.shop.expiry(), COMMAND, id_)
        self.shop.account(row.member).assign(row.lot, row.points)
        return self._told_of_entry(row)

    def _take(self, name: str, row: Row) -> Json:
        there = min(-row.points, self.shop.available(row.member))
        if not there:
            return _told("insufficient_points", missing=-row.points)
        self._begin(name, row)
        self.shop.account(row.member).deduct(there, row.lot)
        return self._told_of_entry(row, missing=-row.points - there)

    def _begin(self, name: str, row: Row) -> str:
        id_ = f"job:{name}:{row.member}"
        named = ("command", self.shop.merchant, id_)
        by, notify = ("staff", MAKER), (False, False)
        reason = self.all[name].reason
        version = self.shop.version
        about = About(("command", name), version, reason, name=named, by=by, notify=notify)
        self.shop.say(about)
        return id_

    def _told_of_entry(self, row: Row, **more: int) -> Json:
        lines = self.shop.accounts[row.member].lines
        own = max(number for number, line in enumerate(lines, 1) if line.type != "expired")
        return _told("ok", own, **more)

    def told(self, name: str) -> list[Json]:
        """The rows of a job as they stand."""
        return [
            {"member_id": row.member, "points": row.points, **(row.told or _told(None))}
            for row in self.all[name].rows()
        ]


def _taken(job: Job) -> list[list[Row]]:
    """What a file gave, in the pieces in which it gave them; none at the end without rows."""
    pieces = [
        [Row(row.member, -row.points, row.lot) for row in piece if _is_given(row)]
        for piece in job.pieces
    ]
    while pieces and not pieces[-1]:
        pieces.pop()
    return pieces


def _is_given(row: Row) -> bool:
    return row.told is not None and row.told["code"] == "ok"


def _told(code: str | None, sequence: int | None = None, **more: int) -> Json:
    return {"code": code, "sequence": sequence, **more}
