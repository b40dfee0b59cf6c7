"""What workers remember: merchants, their settings, their app's events, the carriers' codes.

Read again when the epoch moves.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import orjson

from rules.account.in_force import InForce, in_force
from rules.earning.binding import VersionInForce
from rules.earning.entitlement import Installs
from rules.order.facts import NOTHING_IN_FORCE
from schemas.carriers.codes import CodeTable
from schemas.ids import Micros
from schemas.settings import BoundRules, SettingsDocument, compile_settings, load_settings
from store.carriers import codes
from store.postgres import migrate
from store.postgres.named_queries import queries
from store.postgres.session import Cursor, Database, raw
from store.settings import app_installs


class UnknownMerchantId(LookupError):
    """A merchant without a number: learn it outside the transaction, then do the batch again."""


class _Numbers(dict[str, int]):
    def __missing__(self, merchant_id: str) -> int:
        raise UnknownMerchantId(merchant_id)


class _Versions(dict[int, list[VersionInForce]]):
    def __missing__(self, number: int) -> list[VersionInForce]:
        return []


class _Installs(dict[int, Installs]):
    def __missing__(self, number: int) -> Installs:
        return ()


class _Rules(dict[tuple[int, int], BoundRules | None]):
    """The bound rules of (merchant number, version), read when they are needed first."""

    def __init__(self, load: Callable[[int, int], BoundRules]) -> None:
        super().__init__()
        self._load = load

    def __missing__(self, key: tuple[int, int]) -> BoundRules | None:
        number, version = key
        if version <= NOTHING_IN_FORCE:
            return None
        rules = self[key] = self._load(number, version)
        return rules


class _Ids(dict[int, str]):
    """Number → id; a merchant that another worker has just numbered is looked up."""

    def __init__(self, merchants: "Merchants") -> None:
        super().__init__()
        self._merchants = merchants

    def __missing__(self, number: int) -> str:
        self._merchants.refresh()
        found = self.get(number)
        if found is None:
            raise KeyError(number)
        return found


class Merchants:
    """Merchants' numbers and ids, their settings versions and bound rules, their app's events.

    What is asked for every order is a mapping, so that asking costs no call:

    - `numbers`: merchant id → number; raises UnknownMerchantId;
    - `ids`: number → merchant id;
    - `versions`: number → settings versions, by effective date;
    - `rules`: (number, version) → bound rules, None for an order bound to nothing;
    - `installs`: number → application events, oldest first.
    """

    def __init__(self, connection: Database) -> None:
        """Reads all merchants and versions known so far."""
        self._connection = connection
        self.numbers: Mapping[str, int] = {}
        self.ids = _Ids(self)
        self.versions: Mapping[int, list[VersionInForce]] = {}
        self.rules: Mapping[tuple[int, int], BoundRules | None] = _Rules(self._load)
        self.installs: Mapping[int, Installs] = {}
        self.codes = CodeTable()
        """The carriers' codes: the shipped tables, and what operators set over them."""
        self.epoch = -1
        self.refresh()

    def refresh(self) -> None:
        """Reads merchants and versions again.

        The epoch is read first, so that a change meanwhile is seen next time. Raises SchemaMismatch
        when the schema has become one that this version does not work on (architecture.md 2.7).
        """
        sql, cursor = queries("settings/versions"), raw(self._connection)
        row = cursor.execute(sql["epoch"]).fetchone()
        self.epoch = row[0] if row else 0
        migrate.check(self._connection)  # a migration moves the epoch
        self.ids.update(cursor.execute(sql["merchants"]).fetchall())
        self.numbers = _Numbers({merchant_id: number for number, merchant_id in self.ids.items()})
        versions = _Versions({number: [] for number in self.ids})
        for number, version, effective, applied in cursor.execute(sql["versions"]).fetchall():
            versions[number].append(VersionInForce(effective, version, applied))
        self.versions = versions
        self.installs = _Installs(dict.fromkeys(self.ids, ()) | app_installs.installs(cursor))
        self.codes = CodeTable(codes.overlay(cursor))

    def keep_up(self, cursor: Cursor) -> None:
        """Reads again if the epoch has moved.

        To be asked by a transaction that has a number already (it holds a lock): what is committed
        afterwards is looked at again when this transaction is over (store/streams/recheck.py), what
        was committed before is seen now.
        """
        row = cursor.execute(queries("settings/versions")["epoch"]).fetchone()
        if row and row[0] != self.epoch:
            self.refresh()

    @staticmethod
    def change(cursor: Cursor) -> None:
        """Moves the epoch, so that every worker reads again.

        Whoever does this waits for others that do, until they commit.
        """
        cursor.execute(queries("settings/versions")["next_epoch"])

    def learn(self, merchant_ids: Iterable[str]) -> None:
        """Gives numbers to new merchants, in a transaction of their own."""
        new = sorted(set(merchant_ids) - self.numbers.keys())
        if new:
            raw(self._connection).execute(queries("settings/versions")["add_merchants"], [new])
            self.refresh()

    def find(self, merchant_id: str) -> int | None:
        """The number of a merchant, if there is one."""
        return self.numbers.get(merchant_id)

    def in_force(self, number: int, now: Micros) -> InForce:
        """The settings that a merchant's accounts go by at `now` (account.md 1).

        From memory: only a version that is needed for the first time is read.
        """
        return in_force(
            number,
            now,
            versions=self.versions[number],
            rules=self.rules,
            installs=self.installs[number],
        )

    def merchant_id(self, number: int) -> str:
        """The id of a numbered merchant."""
        return self.ids[number]

    def _load(self, number: int, version: int) -> BoundRules:
        row = (
            raw(self._connection)
            .execute(queries("settings/versions")["document"], [number, version])
            .fetchone()
        )
        if row is None:
            raise LookupError(
                f"settings version {version} of merchant {self.merchant_id(number)} "
                "is missing from the database"
            )
        document, effective = row
        return compile_settings(document_of(document), effective)


def document_of(content: Any) -> SettingsDocument:
    """A stored document, read by the same reader as a file (numbers stay decimals)."""
    return load_settings(orjson.dumps(content), name="stored settings")
