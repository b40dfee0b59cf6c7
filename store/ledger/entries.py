"""Entries written: one row of `ledger` and one event each (I4), and the erasable notes (I3)."""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Any, Final

import orjson
from sqlalchemy import Boolean, Column

from rules.account.entries import Entry
from rules.account.lots import LotKey, lot_id, order_of
from schemas.events import CAUSE_KIND_WORDS, CHANGES_HELD, ENTRY_TYPE_WORDS, CauseKind
from schemas.ids import Micros, iso, iso_or_none
from schemas.packing import unpack_id
from store.ledger.accounts import LockedAccount
from store.postgres import tables
from store.postgres.columns import Columns
from store.postgres.named_queries import queries
from store.postgres.together import Writes
from store.streams.outbox import Event, shard_of

_ROW: Final = Columns(tables.ledger, *tables.ledger.c.keys())
"""Every column: what the table has is written."""

_WRITTEN: Final = _ROW.plus(Column("makes_lot", Boolean))
_NOTE: Final = Columns(tables.entry_note, *tables.entry_note.c.keys())
_TEXTS: Final = tuple(tables.entry_note.c[name] for name in _NOTE.names if name not in _ROW.names)
_NOTED: Final = _WRITTEN.plus(*_TEXTS)
_SQL: Final = queries("ledger/entries", row=_ROW, written=_WRITTEN, noted=_NOTED, note=_NOTE)

MOST_NAMED: Final = 1_000
"""Lots that an event names one by one. An id has up to 600 bytes in JSON: so every event stays
below the megabyte that a topic takes, and none holds its shard up for ever (architecture.md 2.5).
"""


def write(cursor: Writes, accounts: Sequence[LockedAccount]) -> int:
    """Append the entries made on some accounts, with their notes; how many there are."""
    entries: list[Entry] = []
    account_nos: list[int] = []
    merchant_nos: list[int] = []
    recorded: list[Micros] = []
    for locked in accounts:
        for entry in locked.entries:
            entries.append(entry)
            recorded.append(locked.recorded_at)
            account_nos.append(locked.account_no)
            merchant_nos.append(locked.merchant_no)
    if not entries:
        return 0
    values = _values(entries, account_nos, merchant_nos, recorded)
    if any(entry.performer is not None or entry.reason is not None for entry in entries):
        noted = _NOTED.arrays_of(values | _note_values(entries))
        cursor.execute(_SQL["append_noted"], noted)
    else:
        cursor.execute(_SQL["append"], _WRITTEN.arrays_of(values))
    return len(entries)


def events_of(accounts: Sequence[LockedAccount]) -> list[Event]:
    """One event for each entry (I4), in the order of the entries."""
    events: list[Event] = []
    at, recorded_at = -1, ""
    for locked in accounts:
        if locked.recorded_at != at:  # nearly all of a batch are recorded at one instant
            at, recorded_at = locked.recorded_at, iso(locked.recorded_at)
        for entry in locked.entries:
            value = orjson.dumps(event_of(entry, locked.merchant_id, locked.member_id, recorded_at))
            events.append(Event(shard_of(locked.account_no), value, entry.traceparent))
    return events


def event_of(entry: Entry, merchant_id: str, member_id: str, recorded_at: str) -> dict[str, Any]:
    """The value of an entry's event, its keys in the order of schemas.events.PointsChanged."""
    order_id = unpack_id(entry.order_id) if entry.order_id is not None else None
    event: dict[str, Any] = {
        "event_id": uuid_text(entry.event_id),
        "type": ENTRY_TYPE_WORDS[entry.type],
        "merchant_id": merchant_id,
        "member_id": member_id,
        "sequence": entry.sequence,
        "points": entry.moved.points,
        "balance": {"available": entry.available, "held": entry.held, "debt": entry.debt},
        "lots": _told_lots(entry),
        "order_id": order_id,
        "cause": {
            "kind": CAUSE_KIND_WORDS[entry.cause],
            "id": order_id if entry.cause_id is entry.order_id else _cause_text(entry),
        },
        "settings_version": entry.settings_no,
        "reason": entry.reason,
        "performer": None if entry.performer is None else entry.performer.model_dump(),
        "occurred_at": iso(entry.occurred_at),
        "recorded_at": recorded_at,
    }
    if entry.type in CHANGES_HELD:
        event["held_points"] = entry.moved.held
    if entry.hold_id is not None:
        event["hold_id"] = entry.hold_id.decode()
    if entry.notify is not None:
        event["notify"] = entry.notify.model_dump()
    return event


def _lots(lots: Iterable[tuple[LotKey, int]]) -> list[dict[str, Any]]:
    return [
        {"lot_id": lot_id(key), "points": points, "expires_at": iso_or_none(key.expires_at)}
        for key, points in lots
    ]


def _told_lots(entry: Entry) -> list[dict[str, Any]]:
    """The lots as the event tells them: of very many the rest together, by their expiry."""
    lots = entry.moved.lots
    if len(lots) <= MOST_NAMED:
        return _lots(lots)
    others: dict[Micros, int] = {}
    for key, points in lots[MOST_NAMED:]:
        others[key.expires_at] = others.get(key.expires_at, 0) + points
    return _lots(lots[:MOST_NAMED]) + [
        {
            "lot_id": f"others:{entry.sequence}:{number}",
            "points": points,
            "expires_at": iso_or_none(expires_at),
        }
        for number, (expires_at, points) in enumerate(others.items(), 1)
    ]


_OWN_CAUSES: Final = frozenset({CauseKind.command, CauseKind.expiry, CauseKind.hold_timeout})
"""Causes whose ids are texts of ours; the others' come from upstream and are packed."""


def _cause_text(entry: Entry) -> str:
    if entry.cause in _OWN_CAUSES:
        return entry.cause_id.decode()
    return unpack_id(entry.cause_id)


def uuid_text(raw: bytes) -> str:
    """The usual spelling of a uuid's 16 bytes."""
    text = raw.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def note_hash(entry: Entry) -> bytes | None:
    """SHA-256 of the entry's note as canonical JSON; None without reason and performer.

    Canonical: `{"performer":{"id","kind"},"reason"}`, keys sorted, no spaces, UTF-8, null where
    there is none.
    """
    if entry.reason is None and entry.performer is None:
        return None
    performer = entry.performer.model_dump() if entry.performer is not None else None
    note = {"reason": entry.reason, "performer": performer}
    return sha256(orjson.dumps(note, option=orjson.OPT_SORT_KEYS)).digest()


def _values(
    entries: Sequence[Entry],
    account_nos: Sequence[int],
    merchant_nos: Sequence[int],
    recorded: Sequence[Micros],
) -> dict[str, Sequence[Any]]:
    """What every column of the ledger has, entry by entry: a field's place in the row."""
    # An entry that makes its lot changes no other.
    own_lots = [e.moved.lots[0][1] if e.makes_lot else _points_of_own_lot(e) for e in entries]
    return {
        "account_no": account_nos,
        "sequence": [e.sequence for e in entries],
        "merchant_no": merchant_nos,
        "type": [e.type for e in entries],
        "cause": [e.cause for e in entries],
        "order_id": [e.order_id for e in entries],
        "entry_no": [e.entry_no for e in entries],
        "cause_id": [None if e.cause_id == e.order_id else e.cause_id for e in entries],
        "points": [e.moved.points for e in entries],
        "held_points": [e.moved.held for e in entries],
        "available": [e.available for e in entries],
        "held": [e.held for e in entries],
        "debt": [e.debt for e in entries],
        "settings_no": [e.settings_no for e in entries],
        "episode": [e.lot.episode if e.lot is not None else None for e in entries],
        "expires_us": [e.lot.expires_at if e.lot is not None else None for e in entries],
        "lot_points": own_lots,
        "lots": [
            orjson.dumps(_lots(e.moved.lots)) if own is None else None
            for e, own in zip(entries, own_lots, strict=True)
        ],
        "hold_id": [e.hold_id for e in entries],
        "note_hash": [note_hash(e) for e in entries],
        "occurred_us": [e.occurred_at for e in entries],
        "recorded_us": recorded,
        "event_id": [e.event_id for e in entries],
        "makes_lot": [e.makes_lot for e in entries],
    }


def _points_of_own_lot(entry: Entry) -> int | None:
    """What the entry did to its own lot, where that is all it did and the row says which lot it is.

    Else None, and the row lists its lots.
    """
    if entry.lot is None or entry.order_id is None or len(entry.moved.lots) != 1:
        return None
    lot, points = entry.moved.lots[0]
    return points if lot == entry.lot and order_of(lot) == entry.order_id else None


def _note_values(entries: Sequence[Entry]) -> dict[str, Sequence[Any]]:
    """What the columns of the notes have that the ledger has not, entry by entry."""
    performers = [entry.performer for entry in entries]
    return {
        "reason": [_utf8(entry.reason) for entry in entries],
        "performer_kind": [p.kind if p is not None else None for p in performers],
        "performer_id": [_utf8(p.id) if p is not None else None for p in performers],
    }


def _utf8(text: str | None) -> bytes | None:
    return text.encode() if text is not None else None
