"""A job's row as a command (account.md 9): what the command line applies is published, too."""

from typing import Any, Final

import orjson

from schemas.commands.bodies import AssignOfJob, By, Ways
from schemas.commands.reading import JOB, LOT, Command, FirstLot, fingerprint, row_id
from schemas.ids import NEVER, Micros, iso

ORIGIN: Final = "x_origin"
COMMAND_LINE: Final = "cli"
_NO_WAYS: Final = Ways()
_NOTIFY: Final = {"notify": _NO_WAYS.model_dump()}


class RowCommands:
    """The commands that rows of one job are at one moment, by one person."""

    def __init__(self, merchant_id: str, job_id: str, by: By, now: Micros) -> None:
        """What all of them have."""
        self._merchant_id, self._job_id, self._by, self._now = merchant_id, job_id, by, now
        self._performer, self._issued_at = by.model_dump(mode="json"), iso(now)

    def command(
        self, member_id: str, points: int, reason: str, lot: FirstLot | None = None
    ) -> tuple[Command, bytes]:
        """The `assign` of a row, as `reading.read` would read it, and its record's value.

        It is made directly: of a million rows, none needs to be checked a second time.
        """
        command_id = row_id(self._job_id, member_id)
        fields: dict[str, Any] = {
            "command_id": command_id,
            "type": "assign",
            "merchant_id": self._merchant_id,
            "member_id": member_id,
            "performer": self._performer,
            "issued_at": self._issued_at,
            "points": points,
            "reason": reason,
        }
        body = AssignOfJob.model_construct(
            **fields | {"performer": self._by, "issued_at": self._now, "notify": _NO_WAYS}
        )
        command = Command(
            command_id,
            self._merchant_id,
            member_id,
            "assign",
            fingerprint(fields | _NOTIFY),
            self._now,
            body,
            job_id=self._job_id,
            lot=lot,
        )
        own: dict[str, Any] = {JOB: self._job_id, ORIGIN: COMMAND_LINE}
        if lot is not None:
            until = None if lot.expires_at == NEVER else iso(lot.expires_at)
            own[LOT] = {"lot_id": lot.lot_id, "expires_at": until}
        return command, orjson.dumps(fields | own)
