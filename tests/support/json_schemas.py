"""JSON Schemas as tests need them: closed, so that a field that they do not name is seen."""

from typing import Any


def closed(schema: Any, *, also_open: bool) -> Any:
    """The schema with its objects limited to the fields that they name.

    `also_open`: those, too, that say themselves which other fields they take.
    """
    if isinstance(schema, list):
        return [closed(part, also_open=also_open) for part in schema]
    if not isinstance(schema, dict):
        return schema
    parts = {name: closed(part, also_open=also_open) for name, part in schema.items()}
    names_fields = isinstance(parts.get("properties"), dict) and parts.get("type") == "object"
    if names_fields and (also_open or "additionalProperties" not in parts):
        parts["additionalProperties"] = False
    return parts
