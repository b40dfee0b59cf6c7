"""The JSON Schema of a message, a document or an answer."""

from typing import Any, Final, Literal

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core.core_schema import (
    ModelSchema,
    TaggedUnionSchema,
    TypedDictField,
    TypedDictSchema,
)

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

Direction = Literal["sent", "taken"]
_MODES: Final[dict[Direction, Literal["serialization", "validation"]]] = {
    "sent": "serialization",
    "taken": "validation",
}


def json_schema(name: str, of: Any, direction: Direction) -> dict[str, Any]:
    """The schema of a type: what comes out of it, or what it understands."""
    return {
        "$schema": DIALECT,
        "$id": f"urn:member-points:{name}",
        **TypeAdapter(of).json_schema(schema_generator=_Generator, mode=_MODES[direction]),
    }


class _Generator(GenerateJsonSchema):
    """As pydantic's, in plain JSON Schema, and with every name of a field."""

    def tagged_union_schema(self, schema: TaggedUnionSchema) -> JsonSchemaValue:
        """As pydantic's, without OpenAPI's `discriminator`.

        JSON Schema does not know it, and AsyncAPI has another thing of that name.
        """
        found = super().tagged_union_schema(schema)
        found.pop("discriminator", None)
        return found

    def model_schema(self, schema: ModelSchema) -> JsonSchemaValue:
        """As pydantic's. What we send is open to readers: a later field is an addition."""
        found = super().model_schema(schema)
        if self.mode == "serialization" and found.get("additionalProperties") is False:
            del found["additionalProperties"]
        return found

    def typed_dict_schema(self, schema: TypedDictSchema) -> JsonSchemaValue:
        """As pydantic's, which would show the first of `id` and `_id` only."""
        found = super().typed_dict_schema(schema)
        for field in schema["fields"].values():
            alias = field.get("validation_alias")
            if isinstance(alias, list):
                names = [choice[0] for choice in alias if isinstance(choice, list)]
                found["properties"] |= dict.fromkeys(names, found["properties"][names[0]])
                if names[0] in found.get("required", ()):
                    found["required"].remove(names[0])
                    found.setdefault("allOf", []).append(
                        {"anyOf": [{"required": [name]} for name in names]}
                    )
        return found

    def typed_dict_field_schema(self, schema: TypedDictField) -> JsonSchemaValue:
        """As pydantic's. What a record may lack is null by default, as for a model."""
        found = super().typed_dict_field_schema(schema)
        return found if schema.get("required") else {"default": None} | found
