"""What all sections of the environment's configuration have in common."""

from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

_MEANT: Final[Mapping[Any, tuple[tuple[type, ...], str]]] = {
    bool: ((bool, str), "must be true or false"),
    int: ((int, str), "must be a whole number"),
    float: ((int, float, str), "must be a number"),
}


class ConfigurationSection(BaseModel):
    """A section. Its variables are text; where it is given whole, as JSON, values have types.

    There `true` is no number and 1 is not true, as at every other door. A number has an end.
    """

    model_config = ConfigDict(
        extra="forbid", hide_input_in_errors=True, frozen=True, allow_inf_nan=False
    )

    @field_validator("*", mode="before")
    @classmethod
    def _is_of_its_type(cls, value: object, info: ValidationInfo) -> object:
        wanted = cls.model_fields[str(info.field_name)].annotation
        types, words = _MEANT.get(wanted, ((object,), ""))
        is_other = isinstance(value, bool) and wanted in {int, float}
        if is_other or not isinstance(value, types):
            raise PydanticCustomError("wrong_type", words)
        return value
