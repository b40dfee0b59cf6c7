"""`bulk_assign` (account.md 7): each member of a job once, for ever; by itself given or refused."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

import orjson

from rules.account.commands import (
    Refusal,
    Situation,
    give_to_one_of_many,
    job_lot_of,
    refusal,
)
from rules.account.entries import OpenAccount
from rules.account.lots_needed import Intended
from schemas.commands.bodies import BulkAssign
from schemas.commands.codes import SENTENCES, Code, RowCode
from schemas.commands.reading import Command
from schemas.packing import pack_id
from store.ledger import jobs
from store.ledger.accounts import AccountKey
from store.ledger.commands import CommandKey
from store.ledger.jobs import JobKey, JobMember
from store.postgres.session import Cursor
from store.postgres.together import Writes

Rows = list[tuple[str, int | None]]
"""Code and sequence of each member, in the order given."""
_Asked = tuple[int, Command, Situation | None]


@dataclass(slots=True)
class _Part:
    """One command's part of a job: what is to become of its members, in their order."""

    merchant_no: int
    body: BulkAssign
    situation: Situation
    members: list[bytes]
    codes: list[RowCode] = field(default_factory=list)

    @property
    def job(self) -> JobKey:
        return self.merchant_no, self.body.job_id.encode()

    def member(self, member: bytes) -> JobMember:
        return *self.job, member


@dataclass(slots=True)
class BulkCommands:
    """The `bulk_assign` commands of a batch; `refusals` are those of commands, by their key."""

    refusals: dict[CommandKey, Refusal] = field(default_factory=dict)
    _parts: dict[CommandKey, _Part] = field(default_factory=dict)
    _given: dict[JobMember, int] = field(default_factory=dict)
    _new: dict[JobMember, int] = field(default_factory=dict)

    def begin(
        self, cursor: Cursor, asked: Sequence[_Asked], is_member: Callable[[AccountKey], bool]
    ) -> None:
        """Locks the jobs, and decides who is given points: that needs no account."""
        parts = self._asked(asked)
        terms: dict[JobKey, bytes] = {}
        for part in parts.values():
            terms.setdefault(part.job, terms_of(part.body))
        kept = jobs.lock(cursor, terms)
        for key, part in parts.items():
            if kept[part.job] == terms_of(part.body):
                self._parts[key] = part
            else:
                self.refusals[key] = refusal(Code.job_changed)
        wanted = {part.member(m) for part in self._parts.values() for m in part.members}
        self._given = jobs.given(cursor, sorted(wanted))
        decided = set(self._given)
        for part in self._parts.values():
            for member in part.members:
                row = part.member(member)
                if row in decided:
                    part.codes.append(RowCode.already_done)
                elif not is_member((part.merchant_no, member)):
                    part.codes.append(RowCode.not_a_member)
                else:
                    decided.add(row)
                    part.codes.append(RowCode.ok)

    def _asked(self, asked: Sequence[_Asked]) -> dict[CommandKey, _Part]:
        parts: dict[CommandKey, _Part] = {}
        for merchant_no, command, situation in asked:
            body = command.body
            if not isinstance(body, BulkAssign) or situation is None:
                continue
            rules = situation.in_force.rules
            above = rules.account.approval_above if rules is not None else None
            if above is not None and body.points * len(body.members) > above:
                self.refusals[_key(merchant_no, command)] = refusal(Code.approval_required)
                continue
            members = [pack_id(member) for member in body.members]
            parts[_key(merchant_no, command)] = _Part(merchant_no, body, situation, members)
        return parts

    def intents(self, key: CommandKey) -> Iterator[tuple[AccountKey, Intended]]:
        """What a command gives to which accounts."""
        part = self._parts[key]
        lot = job_lot_of(part.body, part.situation)
        for member, code in zip(part.members, part.codes, strict=True):
            if code is RowCode.ok:
                yield (part.merchant_no, member), Intended(points=part.body.points, lot=lot)

    def give(
        self, key: CommandKey, command: Command, accounts: Mapping[AccountKey, OpenAccount]
    ) -> Rows:
        """Gives the members of a command their points."""
        part, rows = self._parts[key], Rows()
        for member, code in zip(part.members, part.codes, strict=True):
            row = part.member(member)
            if code is RowCode.ok:
                opened = accounts[part.merchant_no, member]
                give_to_one_of_many(command, part.body, opened, part.situation)
                self._new[row] = self._given[row] = opened.account.sequence
            rows.append((code, None if code is RowCode.not_a_member else self._given[row]))
        return rows

    def outcome_of(self, rows: Rows) -> tuple[Code, str | None]:
        """`partial` when a row was refused."""
        refused = any(code == RowCode.not_a_member for code, _ in rows)
        code = Code.partial if refused else Code.ok
        return code, SENTENCES[code]

    def write(self, cursor: Writes) -> None:
        """Remembers who was given points."""
        jobs.give(cursor, self._new)


def _key(merchant_no: int, command: Command) -> CommandKey:
    return merchant_no, command.command_id.encode()


def terms_of(body: BulkAssign) -> bytes:
    """SHA-256 of what a job keeps: points, reason and notify."""
    terms = [body.points, body.reason, body.notify.email, body.notify.sms]
    return sha256(orjson.dumps(terms)).digest()
