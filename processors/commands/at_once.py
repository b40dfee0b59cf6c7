"""Commands of somebody who waits for the answer, without Kafka: as few round trips as can be."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from processors.commands.applying import RACES, Applied, apply_and_publish
from rules.quotes.tokens import QuoteKey
from schemas.ids import Micros
from store.ledger.commands import CommandRace
from store.ledger.holds import HoldRace
from store.postgres.session import Cursor, Database, quick_transaction
from store.settings import turns
from store.settings.merchants import Merchants

_CLOCK_AND_EPOCH: Final = b"SELECT points_now(), (SELECT epoch FROM settings_epoch)"


def apply_at_once(
    connection: Database,
    merchants: Merchants,
    merchant_id: str,
    contents: Callable[[Micros], Sequence[Mapping[str, Any]]],
    quote_keys: Sequence[QuoteKey] = (),
) -> Applied:
    """Applies and publishes commands in a transaction of their own; see `apply_and_publish`.

    `contents` are the commands of one merchant as they are issued at an instant. `merchants` keep
    up with settings that changed. Whoever was slower than another transaction does all of it once
    more.
    """

    def ask(cursor: Cursor) -> None:
        turns.decide(connection, [merchant_id])
        cursor.execute(_CLOCK_AND_EPOCH, binary=True)

    while True:
        try:
            with RACES(), quick_transaction(connection, ask) as quick:
                ((now, epoch),) = quick.cursor.fetchall()
                merchants.keep_up_with(epoch)
                return apply_and_publish(
                    quick.cursor, merchants, contents(now), now, quote_keys, quick.last
                )
        except (CommandRace, HoldRace):
            continue
