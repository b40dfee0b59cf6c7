"""One assignment by hand (account.md 7): the same way as a command, and published as one."""

from collections.abc import Mapping
from typing import Any, Final

from processors.bulk.refusals import BulkRefused
from processors.bulk.shops import Shop
from processors.commands.at_once import apply_at_once
from schemas.commands.codes import Code
from schemas.ids import Micros, iso
from schemas.upstream.envelope import Unreadable

_CODE: Final = Code.invalid_command.value


def assign_now(shop: Shop, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The answer to an `assign` that is issued now; `wanted` are its fields but those of the shop.

    Raises BulkRefused for ids that no command can have.
    """

    def issued(now: Micros) -> list[dict[str, Any]]:
        own = {"type": "assign", "merchant_id": shop.merchant_id, "issued_at": iso(now)}
        return [{**own, **wanted}]

    try:
        return apply_at_once(shop.connection, shop.merchants, shop.merchant_id, issued).results[0]
    except Unreadable as error:
        raise BulkRefused(_CODE, sentence=str(error)) from None
