"""A member's balance for checkout: from the read model, else from the database, which fills it.

Redis that is down, slow or wrong is passed over at once: nothing waits for it (account.md 9).
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

import orjson

from schemas.ids import NEVER, Micros, micros
from store.postgres.session import Database, raw
from store.reads import gauges
from store.valkey.client import Client, answering
from store.valkey.errors import ReadModelUnavailable
from store.valkey.keys import MemberKey, key_of
from store.valkey.model import ReadModel
from store.valkey.states import NO_ACCOUNT, BalanceState, FreePoints, LiveHold, of_members

REST_SECONDS: Final = 1.0
"""After Redis failed it is not asked for so long."""

LARGEST: Final = 2**63 - 1
"""What the database's columns hold."""

Source = Literal["model", "database"]


@dataclass(frozen=True, slots=True)
class ReadBalance:
    """A member's points at an instant: `lots` are the free points that have not lapsed by then.

    A hold that has timed out counts as held until the database posts it: low, never high.
    """

    sequence: int
    held: int
    debt: int
    lots: Sequence[FreePoints]
    holds: Sequence[LiveHold]
    source: Source

    @property
    def available(self) -> int:
        """What can be spent."""
        return sum(lot.points for lot in self.lots)


class Balances:
    """Reads balances. Not for several threads at once.

    Without a client every balance comes from the database.
    """

    def __init__(self, client: Client | None, connection: Database) -> None:
        """`client` with short limits (store.valkey.client.CHECKOUT_SECONDS)."""
        self._client, self._connection = client, connection
        self._model = ReadModel(client) if client is not None else None
        self._again_at = 0.0

    def read_balance(
        self, merchant_id: str, member_id: str, now: Callable[[], Micros] | None = None
    ) -> ReadBalance:
        """A member's balance; zeros for one we have no record of, or of an unknown merchant.

        `now` is the reader's clock, by default this machine's; the database counts by its own.
        """
        member = MemberKey(merchant_id, member_id)
        found = self._from_model(member)
        if found is not None:
            return _counted(found, (now or _clock)(), "model")
        return self._from_database(member)

    def _from_model(self, member: MemberKey) -> BalanceState | None:
        if self._client is None or time.monotonic() < self._again_at:
            return None
        try:
            return parsed(member, value_of(self._client, member))
        except ReadModelUnavailable:
            self._rest()
            return None

    def _from_database(self, member: MemberKey) -> ReadBalance:
        cursor = raw(self._connection)
        (state,) = of_members(cursor, [member])
        now = gauges.now(cursor)
        self._fill(state)
        if state.sequence == NO_ACCOUNT:
            state = BalanceState(member, 0)
        return _counted(state, now, "database")

    def _fill(self, state: BalanceState) -> None:
        """A member without an account is not remembered: anybody can make up ids."""
        if self._model is None or time.monotonic() < self._again_at:
            return
        if state.sequence == NO_ACCOUNT:
            return
        try:
            self._model.put(raw(self._connection), [state], repair=True)
        except ReadModelUnavailable:
            self._rest()

    def _rest(self) -> None:
        self._again_at = time.monotonic() + REST_SECONDS


def value_of(client: Client, member: MemberKey) -> bytes | None:
    """What the read model has of a member, as it stands there. Raises ReadModelUnavailable."""
    with answering():
        value: Any = client.get(key_of(member))
    return value if isinstance(value, bytes) else None


def parsed(member: MemberKey, value: bytes | None) -> BalanceState | None:
    """What a value of the read model says; None for none, or for what is not ours."""
    try:
        content = orjson.loads(value or b"")
        return BalanceState(
            member,
            _number(content["sequence"]),
            _number(content["held"]),
            _number(content["debt"]),
            tuple(FreePoints(_instant(lot), _number(lot["points"])) for lot in content["lots"]),
            tuple(
                LiveHold(str(hold["hold_id"]), _number(hold["points"]), _instant(hold))
                for hold in content["holds"]
            ),
        )
    except (ValueError, KeyError, TypeError):
        return None


def _number(value: object) -> int:
    """A number as we write them: whole, and not below 0. Raises ValueError."""
    if type(value) is not int or not 0 <= value <= LARGEST:
        raise ValueError("no number of ours")
    return value


def _instant(part: dict[str, Any]) -> Micros:
    text = part["expires_at"]
    return NEVER if text is None else micros(datetime.fromisoformat(text))


def _counted(state: BalanceState, now: Micros, source: Source) -> ReadBalance:
    lots = tuple(lot for lot in state.lots if lot.expires_at > now)
    return ReadBalance(state.sequence, state.held, state.debt, lots, state.holds, source)


def _clock() -> Micros:
    return time.time_ns() // 1000
