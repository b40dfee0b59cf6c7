"""Whose balance an event changed: all that the read model takes from it."""

import orjson

from store.valkey.keys import MemberKey


def member_of_event(value: bytes | None) -> MemberKey | None:
    """The member of a points-changed event; None where the record says none.

    Nothing else writes to the topic, but a record that cannot be read must not stop the worker.
    """
    try:
        event = orjson.loads(value or b"")
        merchant_id, member_id = event["merchant_id"], event["member_id"]
    except (ValueError, KeyError, TypeError):
        return None
    if not isinstance(merchant_id, str) or not isinstance(member_id, str):
        return None
    return MemberKey(merchant_id, member_id)
