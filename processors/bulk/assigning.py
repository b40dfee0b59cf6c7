"""One assignment by hand (account.md 7): the same way as a command, and published as one."""

from collections.abc import Mapping
from typing import Any, Final

from processors.bulk.refusals import BulkRefused
from processors.bulk.shops import Shop
from processors.commands.applying import apply_and_publish
from schemas.commands.codes import Code
from schemas.ids import iso
from schemas.upstream.envelope import Unreadable
from store.ledger.commands import CommandRace
from store.postgres.session import transaction

_CODE: Final = Code.invalid_command.value


def assign_now(shop: Shop, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The answer to an `assign` that is issued now; `wanted` are its fields but those of the shop.

    Raises BulkRefused for ids that no command can have.
    """
    while True:
        try:
            with transaction(shop.connection) as cursor:
                now = shop.situation(cursor).now
                content = {
                    "type": "assign",
                    "merchant_id": shop.merchant_id,
                    "issued_at": iso(now),
                    **wanted,
                }
                return apply_and_publish(cursor, shop.merchants, [content], now).results[0]
        except CommandRace:
            continue
        except Unreadable as error:
            raise BulkRefused(_CODE, sentence=str(error)) from None
