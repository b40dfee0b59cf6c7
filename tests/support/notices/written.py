"""Shops and notices written straight into the lane's tables, by its database's owner."""

import uuid
from typing import Any

import psycopg

from schemas.ids import Micros
from schemas.notices.ids import notice_id
from schemas.notices.words import Channel, Kind

Owner = psycopg.Connection[Any]


def clock_of(owner: Owner) -> Micros:
    """The database's clock."""
    return int(_one(owner, "SELECT public.points_now()"))


def shop_number(owner: Owner, merchant_id: str) -> int:
    """The lane's number of a shop, made if need be."""
    make = """WITH made AS (INSERT INTO notices.shop (merchant_id) VALUES (%s)
                            ON CONFLICT DO NOTHING RETURNING merchant_no)
              SELECT merchant_no FROM made
              UNION ALL SELECT merchant_no FROM notices.shop WHERE merchant_id = %s"""
    return int(_one(owner, make, merchant_id, merchant_id))


def write_notices(
    owner: Owner,
    count: int,
    merchant_id: str,
    member_id: str,
    channel: Channel,
    kind: Kind = Kind.earned,
    **columns: Any,
) -> list[uuid.UUID]:
    """Notices of so many events, recorded and decided now unless `columns` say otherwise."""
    now = clock_of(owner)
    recorded = columns.pop("recorded_us", now)
    owner.execute("SELECT notices.ensure_partition(%s)", [recorded])
    shop, ids, rows = shop_number(owner, merchant_id), [], []
    values = {
        "points": 100, "balance": 340, "sequence": 1, "decided_us": now, "changed_us": now,
        **columns,
    }  # fmt: skip
    for _ in range(count):
        event = uuid.uuid4()
        ids.append(notice_id(event, channel, kind, recorded))
        rows.append((ids[-1], event, shop, member_id, kind, channel, recorded, *values.values()))
    names = "notice_id, event_id, merchant_no, member_id, kind, channel, recorded_us"
    copy = f"COPY notices.notice ({names}, {', '.join(values)}) FROM STDIN"
    with owner.cursor() as cursor, cursor.copy(copy.encode()) as into:
        for row in rows:
            into.write_row(row)
    return ids


def _one(owner: Owner, query: str, *values: object) -> Any:
    row = owner.execute(query.encode(), values).fetchone()
    assert row is not None
    return row[0]
