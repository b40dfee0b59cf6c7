"""What shops owe for their notices, by month in the shop's zone, channel and provider.

It is the sum over the notices that were sent or of which nobody knows, at any time: `settling`
moves both in one statement.
"""

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from schemas.notices.words import Channel
from store.postgres import tables
from store.postgres.columns import Columns
from store.postgres.named_queries import queries
from store.postgres.session import Cursor

_MONTH: Final = Columns(tables.notices.meter, "merchant_no", "month")
_SQL: Final = queries("notices/sending/meter", month=_MONTH)


class Usage(NamedTuple):
    """What a shop used of one provider in a month.

    `messages` were sent, or may have been: `unknown` of them. `parts` by our count;
    `provider_parts`, which are owed, by the provider's where it gave one.
    """

    channel: str
    provider: str
    messages: int
    parts: int
    provider_parts: int
    unknown: int


def usage(cursor: Cursor, merchant_no: int, month: int) -> list[Usage]:
    """What a shop used in a month such as 202611."""
    rows = cursor.execute(_SQL["usage"], [merchant_no, month]).fetchall()
    return [Usage(*row) for row in rows]


def used(
    cursor: Cursor, channel: Channel, months: Iterable[tuple[int, int]]
) -> dict[tuple[int, int], int]:
    """The parts that are owed so far on a channel, by shop and month."""
    wanted = sorted(set(months))
    if not wanted:
        return {}
    rows = cursor.execute(_SQL["used"], [*_MONTH.arrays(wanted), channel.value]).fetchall()
    return {(shop, month): parts for shop, month, parts in rows}


def differences(cursor: Cursor, since_month: int) -> dict[str, int]:
    """Parts by providers' count less parts by ours since a month, by provider."""
    return dict(cursor.execute(_SQL["differences"], [since_month]).fetchall())


def against_notices(cursor: Cursor) -> list[tuple[Any, ...]]:
    """Where the meter is not the sum of the notices: shop, month, channel, provider, figures.

    Empty when all is well. Reads every notice.
    """
    return cursor.execute(_SQL["against_notices"]).fetchall()
