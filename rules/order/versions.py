"""When a record was made: its own times, and its version (rules.md 7)."""

import hashlib
import zlib
from datetime import UTC, date, datetime
from typing import Any

import orjson

from rules.order.trail import Version
from schemas.ids import DAY, EPOCH, Micros
from schemas.upstream.base import INT64
from schemas.upstream.envelope import Envelope, Unreadable
from schemas.upstream.resources import (
    ApplicationResource,
    CustomerResource,
    DeliveryResource,
    OrderResource,
    RemovedOrder,
    ReturnResource,
)

NANOS_PER_MICRO = 1000
COARSE_TICK = 1_000_000
"""A `ts` of whole milliseconds may repeat; finer ones come from a nanosecond clock and tie only
where a record is sent again with other content.
"""


def version_of(
    envelope: Envelope[Any], updated_at: Micros | None, received_ts: Micros, value: bytes
) -> Version:
    """The version of a record: its time, `ts`, digest (rules.md 7).

    The time is its own `updated_at`, else `ts`, else the record's timestamp in Kafka. The digest
    costs more than reading the record, so it is made only where two records are likely to tie
    without it; elsewhere a checksum of the bytes keeps different records apart.
    Raises Unreadable for a `ts` that is no number and for JSON that is none.
    """
    ts = _nanoseconds(envelope)
    at = updated_at if updated_at is not None else (ts // NANOS_PER_MICRO if ts else received_ts)
    if ts % COARSE_TICK:
        return Version(at, ts, zlib.crc32(value))
    try:
        return Version(at, ts, resource_digest(value))
    except orjson.JSONDecodeError:
        # The envelope's reader lets NaN, Infinity and endless numbers pass in fields that are not
        # needed.
        wrong = "The value is not JSON: a number such as NaN or 1e999 has no place in it."
        raise Unreadable("not_json", wrong, envelope.merchant_id) from None


def _nanoseconds(envelope: Envelope[Any]) -> int:
    if envelope.ts is None:
        return 0
    try:
        ts = int(envelope.ts)
    except ValueError:
        ts = -1
    if not 0 <= ts < INT64:
        raise Unreadable(
            "wrong_type",
            "ts: must be nanoseconds since 1970 as a string of digits",
            envelope.merchant_id,
        )
    return ts


def resource_digest(value: bytes) -> int:
    """The first 63 bits of the SHA-256 of the canonical resource.

    Canonical is JSON with sorted keys, without spaces, in UTF-8.
    """
    canonical = orjson.dumps(orjson.loads(value)["resource"], option=orjson.OPT_SORT_KEYS)
    return int.from_bytes(hashlib.sha256(canonical).digest()[:8], "big") >> 1


def own_micros(
    resource: OrderResource
    | DeliveryResource
    | ReturnResource
    | RemovedOrder
    | CustomerResource
    | ApplicationResource,
) -> Micros | None:
    """The resource's own `updated_at`."""
    return given_micros(resource.get("updated_at"))


def instant_of(moment: datetime) -> Micros:
    """The instant of a validated time."""
    # As schemas.ids.micros; a validated time has an offset, so this spares the check and the
    # division.
    gone = moment - EPOCH
    return (gone.days * 86_400 + gone.seconds) * 1_000_000 + gone.microseconds


def micros_of(moment: datetime | None) -> Micros | None:
    """As `instant_of`, of a time that may be missing."""
    return None if moment is None else instant_of(moment)


_NO_DATE = date(1970, 1, 1)


def given_micros(moment: datetime | None) -> Micros | None:
    """As `micros_of`; a date in year 1, or 1970-01-01, means *not given* (D14)."""
    if moment is None:
        return None
    instant = instant_of(moment)
    if instant > _ONCE_1970_HAS_BEGUN:
        return instant
    if instant < _YEAR_2 or 0 <= instant < DAY or moment.date() == _NO_DATE:
        return None
    return instant


_YEAR_2: Micros = instant_of(datetime(2, 1, 1, tzinfo=UTC))
_ONCE_1970_HAS_BEGUN: Micros = 3 * DAY
"""From here on 1970-01-01 is over whatever the offset, so that no date need be looked at."""
