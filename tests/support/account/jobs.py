"""Jobs as staff hand them in: a desk with files and the command line."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from store.streams.outbox import PACKED_KINDS, records_of
from tests.support.account.desk import SHOP, Desk
from tests.support.commands import Ran, points


class JobDesk:
    """A desk whose shop's staff work with files."""

    def __init__(self, desk: Desk, folder: Path) -> None:
        self.desk, self.folder = desk, folder
        self.environment = {"POINTS_DATABASE__URL": desk.url}

    def file(self, content: str | bytes) -> str:
        """A file with this content."""
        path = self.folder / "members.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    def members(self, count: int, points_each: int = 10) -> str:
        """A file that gives so many members points."""
        return self.file("member_id,points\n" + "".join(_lines(count, points_each)))

    def assign(self, file: str, *options: str, job: str = "june") -> Ran:
        """`bulk assign` of a file, by Sue."""
        arguments = ["assign", SHOP, file, "--reason", "thanks", "--by", "sue", "--job", job]
        return self.bulk(*arguments, *options)

    def bulk(self, *arguments: str) -> Ran:
        """A command about jobs."""
        return points(self.environment, "bulk", *arguments)

    def show(self, job: str = "june") -> Any:
        """A job as it stands."""
        return self.bulk("show", SHOP, job, "--json").json

    def rows(self, job: str = "june") -> Any:
        """The rows of a job."""
        return self.bulk("rows", SHOP, job, "--json").json

    def topic(self, kind: int) -> list[Any]:
        """The values of the outbox' records of one of PACKED_KINDS, in their order."""
        rows = self.desk.rows("SELECT value FROM outbox WHERE kind = %s ORDER BY id", kind)
        if kind not in PACKED_KINDS:
            return [json.loads(value) for (value,) in rows]
        return [json.loads(record) for (pack,) in rows for _, record in records_of(pack)]

    def entries(self, member: str) -> list[Any]:
        """Type, points and sequence of a member's entries."""
        ran = points(self.environment, "history", SHOP, member, "--json").json
        return [(entry["type"], entry["points"], entry["sequence"]) for entry in ran]

    def available(self, member: str) -> int:
        """What a member has."""
        return int(points(self.environment, "balance", SHOP, member, "--json").json["available"])


def _lines(count: int, points_each: int) -> Iterable[str]:
    return (f"m{number},{points_each}\n" for number in range(1, count + 1))
