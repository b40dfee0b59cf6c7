"""Shows a record that could not be read without showing whose it is (rules.md 7).

Only what is known to be harmless is shown: the structure, and the values of a short list of fields
where they look as such fields do. Everything else is replaced by the kind of thing it was, which is
what matters in a broken record.
"""

import re
from typing import Any, Final

IDS: Final = frozenset({
    "id", "_id", "merchant_id", "order_id", "trace_id", "customer_id", "return_order_id",
    "delivery_option_id", "application_id", "report_id", "membership_tier_id", "command_id",
    "hold_id",
})  # fmt: skip
WORDS: Final = frozenset({
    "event", "topic", "type", "order_type", "status", "delivery_status", "delivery_type",
    "platform", "created_by", "created_from", "currency_iso", "carrier", "service", "code",
})  # fmt: skip
TIMES: Final = frozenset({
    "created_at", "updated_at", "completed_at", "arrived_at", "collected_at", "returned_at",
    "shipped_at", "occurred_at", "registered_at", "issued_at", "ts",
})  # fmt: skip
NUMBERS: Final = frozenset({"cents", "dollars", "points", "quantity"})

_ID = re.compile(r"[0-9A-Fa-f]{24}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_/.-]{0,47}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT[0-9:.]{5,18}(Z|[+-]\d\d:\d\d)?|\d{19}")
_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,47}")
_DIGIT, _LETTER = re.compile(r"\d"), re.compile(r"[^\W\d_]")
DEEPEST = 12
LONGEST_LIST = 20
EXCERPT = 32
"""Bytes shown of what is not text: enough for a magic number or a schema id, too few for an
address.
"""
AROUND = 60


def redacted(value: Any, field: str = "", depth: int = 0) -> Any:
    """The same structure, with what may be personal replaced by a word in ‹ ›."""
    if isinstance(value, dict):
        if depth >= DEEPEST:
            return f"‹{len(value)} fields›"
        return {
            (k if _KEY.fullmatch(k) else f"‹key of {len(k)} characters›"): redacted(v, k, depth + 1)
            for k, v in value.items()
        }
    if isinstance(value, list):
        shown = [redacted(item, field, depth + 1) for item in value[:LONGEST_LIST]]
        more = len(value) - LONGEST_LIST
        return [*shown, f"‹{more} more›"] if more > 0 else shown
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return value if _is_harmless(value, field) else f"‹text of {len(value)} characters›"
    return value if field in NUMBERS else "‹number›"


def _is_harmless(text: str, field: str) -> bool:
    if field in IDS:
        return _ID.fullmatch(text) is not None
    if field in TIMES:
        return _TIME.fullmatch(text) is not None
    return field in WORDS and _WORD.fullmatch(text) is not None


def shown_value(value: bytes | None) -> Any:
    """A record's value: redacted JSON, the shape of broken text, or the first bytes as hex."""
    import orjson

    if value is None:
        return None
    try:
        return redacted(orjson.loads(value))
    except orjson.JSONDecodeError as error:
        return _broken(value, error.pos)


def _broken(value: bytes, position: int) -> str:
    try:
        text = value.decode()
    except UnicodeDecodeError:
        more = " …" if len(value) > EXCERPT else ""
        return f"‹{len(value)} bytes, not text: {value[:EXCERPT].hex(' ')}{more}›"
    near = shape(text[max(0, position - AROUND) : position + AROUND])
    return f"‹{len(value)} bytes, not JSON; its shape around character {position}: {near}›"


def shape(text: str) -> str:
    """Text with every letter as x and every digit as 9: its form stays visible, not its content."""
    return _LETTER.sub("x", _DIGIT.sub("9", text))


def shown_key(key: bytes | None) -> str | None:
    """A record's key, when it is made of ids."""
    if key is None:
        return None
    try:
        text = key.decode()
    except UnicodeDecodeError:
        return f"‹{len(key)} bytes›"
    if all(_ID.fullmatch(part) for part in text.split(":")):
        return text
    return f"‹text of {len(text)} characters›"


def shown_headers(headers: Any) -> list[list[str | None]]:
    """Header names, and the values of those that we or the tracing wrote."""
    ours = ("__dlq.", "__points.", "traceparent", "content-type")
    rows: list[list[str | None]] = []
    for name, value in headers:
        if value is None:
            rows.append([name, None])
        elif name.startswith(ours) and len(value) <= 200:  # noqa: PLR2004 - ours are short
            rows.append([name, value.decode(errors="replace")])
        else:
            rows.append([name, f"‹{len(value)} bytes›"])
    return rows
