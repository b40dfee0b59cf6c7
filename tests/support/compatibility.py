"""Whether a published schema still keeps what a released one promised.

What we send and what we take have opposite promises. Of what we send, whatever comes out now must
be what readers of the released schema know: a field must not go, nor become optional, while one
more is an addition. Of what we take, whatever could be sent by the released schema must be taken
now: a field must not go, since it would be ignored without a word, nor become required.
"""

import json
from typing import Any, Literal

import jsoncompat

from schemas.publish.json_schemas import Direction
from tests.support.json_schemas import closed

_ROLES: dict[Direction, Literal["serializer", "deserializer"]] = {
    "sent": "serializer",
    "taken": "deserializer",
}


def is_compatible(released: Any, now: Any, direction: Direction) -> bool:
    """Whether those who rely on the released schema can go on as they are."""
    if direction == "taken":
        # Open objects take any field as it is, so that none could ever be added or missed. The
        # promise is about the fields with a name.
        released, now = closed(released, also_open=True), closed(now, also_open=True)
    released, now = _without_common_parts(released, now)
    return jsoncompat.check_compat(json.dumps(released), json.dumps(now), _ROLES[direction])


def _without_common_parts(one: Any, other: Any) -> tuple[Any, Any]:
    """The two without what narrows both alike, which the checker cannot see through."""
    if not isinstance(one, dict) or not isinstance(other, dict):
        return one, other
    # It follows only references without a base.
    left_out = {"$id", "$schema"} | ({"allOf"} if one.get("allOf") == other.get("allOf") else set())
    pairs = {
        key: _without_common_parts(one.get(key), other.get(key))
        for key in (one.keys() | other.keys()) - left_out
    }
    return (
        {key: pairs[key][0] for key in one.keys() & pairs.keys()},
        {key: pairs[key][1] for key in other.keys() & pairs.keys()},
    )
