"""What workers remember: merchants, their settings, their app's events, the carriers' codes.

Of a merchant only once it is asked for, and settings again once the epoch has moved: what it costs
depends on the merchants in hand, never on how many there are.
"""

from collections.abc import Callable, Collection, Iterable
from typing import Any, Final, TypeVar

import orjson

from rules.account.in_force import InForce, in_force
from rules.earning.binding import VersionInForce
from rules.earning.entitlement import Installs
from rules.order.facts import NOTHING_IN_FORCE
from schemas.carriers.codes import CodeTable
from schemas.ids import Micros
from schemas.settings import BoundRules, SettingsDocument, compile_settings, load_settings
from store.carriers import codes
from store.postgres import migrate, tables
from store.postgres.columns import Columns
from store.postgres.named_queries import queries
from store.postgres.session import Cursor, Database, raw
from store.settings import app_installs

PAGE: Final = 1_000
"""Merchants whose ids are read together: so many that all of them are read soon, and so few that
the first one costs no more than a batch.
"""

_VERSION: Final = Columns(tables.settings, "merchant_no", "version")
_SQL: Final = queries("settings/merchants", version=_VERSION)


class UnknownMerchantId(LookupError):
    """A merchant without a number: learn it outside the transaction, then do the batch again."""


class _Numbers(dict[str, int]):
    def __missing__(self, merchant_id: str) -> int:
        raise UnknownMerchantId(merchant_id)


_Remembered = TypeVar("_Remembered")


class _ByMerchant(dict[int, _Remembered]):
    """What is read of a merchant when it is asked for first, unless `remember` has read it."""

    def __init__(self, remember: Callable[[Collection[int]], None]) -> None:
        super().__init__()
        self._remember = remember

    def __missing__(self, number: int) -> _Remembered:
        self._remember([number])
        return self[number]


class _Rules(dict[tuple[int, int], BoundRules | None]):
    """The bound rules of (merchant number, version), read when they are needed first."""

    def __init__(self, load: Callable[[int, int], BoundRules]) -> None:
        super().__init__()
        self._load = load

    def __missing__(self, key: tuple[int, int]) -> BoundRules | None:
        number, version = key
        if version <= NOTHING_IN_FORCE:
            return None
        return self._load(number, version)


class _Ids(dict[int, str]):
    """Number → id. Numbers are given one after another, so they are read a page at a time."""

    def __init__(self, connection: Database) -> None:
        super().__init__()
        self._connection = connection

    def __missing__(self, number: int) -> str:
        first = number - number % PAGE
        cursor = raw(self._connection).execute(_SQL["page_of_merchants"], [first, first + PAGE])
        self.update(cursor.fetchall())
        found = self.get(number)
        if found is None:
            raise KeyError(number)
        return found


class Merchants:
    """Merchants' numbers and ids, their settings versions and bound rules, their app's events.

    What is asked for every order is a mapping, so that asking costs no call:

    - `numbers`: merchant id → number, of those that were looked up; raises UnknownMerchantId;
    - `ids`: number → merchant id;
    - `versions`: number → settings versions, by effective date;
    - `rules`: (number, version) → bound rules, None for an order bound to nothing;
    - `installs`: number → application events, oldest first.
    """

    def __init__(self, connection: Database) -> None:
        """Reads the epoch and the carriers' codes; merchants when they are asked for."""
        self._connection = connection
        self.numbers = _Numbers()
        self.ids = _Ids(connection)
        self.rules = _Rules(self._load)
        self.codes = CodeTable()
        """The carriers' codes: the shipped tables, and what operators set over them."""
        self.epoch = -1
        self.refresh()

    def refresh(self) -> None:
        """Forgets versions and application events, and reads the carriers' codes again.

        The epoch is read first, so that a change meanwhile is seen next time. Raises SchemaMismatch
        when the schema has become one that this version does not work on (architecture.md 2.7).
        """
        cursor = raw(self._connection)
        row = cursor.execute(queries("settings/versions")["epoch"]).fetchone()
        self.epoch = row[0] if row else 0
        migrate.check(self._connection)  # a migration moves the epoch
        self.versions = _ByMerchant[list[VersionInForce]](self.remember)
        self.installs = _ByMerchant[Installs](self.remember)
        self.codes = CodeTable(codes.overlay(cursor))

    def remember(self, numbers: Collection[int]) -> None:
        """Reads ids, versions and application events of these merchants, unless remembered.

        All at once, with the rules of the newest versions, to which most orders are bound: whoever
        has many merchants in hand calls this before asking for each.
        """
        new = sorted(set(numbers) - self.versions.keys())
        if not new:
            return
        cursor = raw(self._connection)
        nameless = [number for number in new if number not in self.ids]
        if nameless:
            self.ids.update(cursor.execute(_SQL["ids"], [nameless]).fetchall())
        installs = app_installs.installs(cursor, new)
        versions: dict[int, list[VersionInForce]] = {number: [] for number in new}
        rows = cursor.execute(_SQL["versions"], [new]).fetchall()
        for number, version, effective, applied in rows:
            versions[number].append(VersionInForce(effective, version, applied))
        self.installs.update({number: installs.get(number, ()) for number in new})
        self.versions.update(versions)
        self._compile((number, of[-1].version) for number, of in versions.items() if of)

    def keep_up(self, cursor: Cursor) -> None:
        """Reads again if the epoch has moved.

        To be asked by a transaction that has a number already (it holds a lock): what is committed
        afterwards is looked at again when this transaction is over (store/streams/recheck.py), what
        was committed before is seen now.
        """
        row = cursor.execute(queries("settings/versions")["epoch"]).fetchone()
        if row:
            self.keep_up_with(row[0])

    def keep_up_with(self, epoch: int) -> None:
        """Reads again if this is another epoch than that of what is remembered."""
        if epoch != self.epoch:
            self.refresh()

    @staticmethod
    def change(cursor: Cursor) -> None:
        """Moves the epoch, so that every worker reads again.

        Whoever does this waits for others that do, until they commit.
        """
        cursor.execute(queries("settings/versions")["next_epoch"])

    def look_up(self, merchant_ids: Iterable[str]) -> set[str]:
        """Remembers the numbers of these merchants; those that have none."""
        new = set(merchant_ids) - self.numbers.keys()
        if new:
            cursor = raw(self._connection).execute(_SQL["find_merchants"], [sorted(new)])
            found: dict[str, int] = dict(cursor.fetchall())
            self.numbers.update(found)
            self.ids.update({number: merchant_id for merchant_id, number in found.items()})
            new -= found.keys()
        return new

    def learn(self, merchant_ids: Iterable[str]) -> None:
        """Gives numbers to new merchants, in a transaction of their own."""
        new = sorted(self.look_up(merchant_ids))
        if new:
            raw(self._connection).execute(queries("settings/versions")["add_merchants"], [new])
            self.look_up(new)

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

    def _compile(self, wanted: Iterable[tuple[int, int]]) -> None:
        new = sorted(set(wanted) - self.rules.keys())
        if not new:
            return
        cursor = raw(self._connection).execute(_SQL["documents"], _VERSION.arrays(new))
        for number, version, document, effective in cursor.fetchall():
            self.rules[number, version] = compile_settings(document_of(document), effective)

    def _load(self, number: int, version: int) -> BoundRules:
        self._compile([(number, version)])
        found = self.rules.get((number, version))
        if found is None:
            raise LookupError(
                f"settings version {version} of merchant {self.merchant_id(number)} "
                "is missing from the database"
            )
        return found


def document_of(content: Any) -> SettingsDocument:
    """A stored document, read by the same reader as a file (numbers stay decimals)."""
    return load_settings(orjson.dumps(content), name="stored settings", stored=True)
