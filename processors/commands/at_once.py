"""Commands of somebody who waits for the answer, without Kafka: as few round trips as can be."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from processors.commands.ahead import Ahead, ask_ahead
from processors.commands.applying import RACES, Applied, apply_commands, to_publish
from rules.quotes.tokens import QuoteKey
from schemas.ids import Micros
from store.ledger.commands import CommandRace
from store.ledger.holds import HoldRace
from store.postgres.session import Cursor, Database, quick_transaction
from store.settings import turns
from store.settings.merchants import Merchants

Content = Mapping[str, Any]
"""A command as a record of the topic has it."""
CLOCK_AND_EPOCH: Final = b"SELECT points_now(), (SELECT epoch FROM settings_epoch)"


def apply_at_once(
    connection: Database,
    merchants: Merchants,
    merchant_id: str,
    contents: Sequence[Content] | Callable[[Micros], Sequence[Content]],
    quote_keys: Sequence[QuoteKey] = (),
) -> Applied:
    """Applies and publishes commands in a transaction of their own; see `to_publish`.

    `contents` are the commands of one merchant, or how they are issued at an instant. `merchants`
    keep up with settings that changed. Whoever was slower than another transaction does all of it
    once more.
    """
    issue = contents if callable(contents) else None
    issued = to_publish(() if callable(contents) else contents)

    def ask(cursor: Cursor) -> Ahead | None:
        turns.decide(connection, [merchant_id])
        cursor.execute(CLOCK_AND_EPOCH, binary=True)
        return ask_ahead(cursor, merchants, issued[0])

    while True:
        try:
            with RACES(), quick_transaction(connection, ask) as quick:
                cursor, ahead, last = quick
                ((now, epoch),) = cursor.fetchall()
                merchants.keep_up_with(epoch)
                commands, values = issued if issue is None else to_publish(issue(now))
                return apply_commands(
                    cursor, merchants, commands, now, quote_keys, values, last, ahead
                )
        except (CommandRace, HoldRace):
            continue
