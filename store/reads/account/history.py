"""A member's ledger entries, a page at a time."""

from typing import Any

from sqlalchemy import and_, bindparam, select

from schemas.answers.members import HistoryEntry
from schemas.events import CHANGES_HELD, EntryType
from schemas.packing import pack_id, unpack_id
from store.postgres import tables
from store.postgres.session import Database
from store.reads.account.now import ACCOUNT, MERCHANT
from store.reads.execute import mappings, rows
from store.reads.snapshot import merchant_number, snapshot

_ledger, _note = tables.ledger.c, tables.entry_note.c

# Columns have the names of the answer. The text of an entry is erasable (I3), so it lies in a row
# of its own, which may be missing.
_HISTORY = (
    select(
        _ledger.sequence,
        _ledger.type,
        _ledger.points,
        (_ledger.available + _ledger.held - _ledger.debt).label("balance_after"),
        _ledger.order_id,
        _ledger.expires_us.label("expires_at"),
        _ledger.occurred_us.label("occurred_at"),
        _ledger.recorded_us.label("recorded_at"),
        _ledger.held_points,
        _ledger.hold_id,
        _note.reason,
        _note.performer_id.label("performer"),
    )
    .outerjoin_from(
        tables.ledger,
        tables.entry_note,
        and_(
            _note.account_no == _ledger.account_no,
            _note.merchant_no == _ledger.merchant_no,
            _note.sequence == _ledger.sequence,
        ),
    )
    .where(
        _ledger.account_no == bindparam("account_no"),
        _ledger.merchant_no == MERCHANT,
        _ledger.sequence > bindparam("after"),
    )
    .order_by(_ledger.sequence)
    .limit(bindparam("limit"))
)


def history(
    connection: Database, merchant_id: str, member_id: str, after: int, limit: int
) -> list[HistoryEntry]:
    """Up to `limit` entries behind sequence `after`, oldest first. Raises UnknownMerchant."""
    with snapshot(connection) as cursor:
        number = merchant_number(cursor, merchant_id)
        accounts = rows(cursor, ACCOUNT, merchant_no=number, member=pack_id(member_id))
        if not accounts:
            return []
        account_no = accounts[0][0]
        found = mappings(cursor, _HISTORY, account_no=account_no, after=after, limit=limit)
    return [_entry(row) for row in found]


def _entry(row: dict[str, Any]) -> HistoryEntry:
    type_, order_id, hold_id = EntryType(row["type"]), row["order_id"], row["hold_id"]
    return HistoryEntry.model_validate(
        row
        | {
            "type": type_,
            "order_id": unpack_id(order_id) if order_id is not None else None,
            "held_points": row["held_points"] if type_ in CHANGES_HELD else None,
            "hold_id": hold_id.decode() if hold_id is not None else None,
        }
    )
