"""Secrets that come as files: `POINTS_DATABASE__URL_FILE` names one with the value in it.

Orchestrators mount secrets that way, and then no list of processes or environments shows them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import Any, Final, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr

SUFFIX: Final = "_FILE"
LARGEST: Final = 65_536
"""Bytes: a list of keys is a hundredth of it, and a device file would have no end."""


@dataclass(frozen=True, slots=True)
class SecretsInFiles:
    """`values` by the variables' names, and what is `wrong` with those that could not be had."""

    values: Mapping[str, str]
    wrong: Mapping[str, str]


def secret_variables(configuration: type[BaseModel]) -> frozenset[str]:
    """The names of the variables that hold secrets: each may end in `_FILE` instead."""
    names = set()
    for section, field in configuration.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            names |= {
                f"POINTS_{section}__{name}".upper()
                for name, part in inner.model_fields.items()
                if _is_secret(part.annotation)
            }
    return frozenset(names)


def read_secret_files(environment: Mapping[str, str], names: frozenset[str]) -> SecretsInFiles:
    """What the files hold that the environment names; without the line end of an editor."""
    values, wrong = {}, {}
    for name in sorted(names):
        location = environment.get(name + SUFFIX)
        if location is None:
            continue
        if environment.get(name):
            wrong[name] = f"is set twice, by itself and by {name}{SUFFIX}"
            continue
        try:
            values[name] = _content(location)
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or "it is no short text in UTF-8"
            wrong[name] = f"cannot be read from the file of {name}{SUFFIX}: {why}"
    return SecretsInFiles(values, wrong)


def _content(location: str) -> str:
    with Path(location).open("rb") as file:
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise ValueError(location)
    return content.decode().rstrip("\r\n")


def _is_secret(annotation: Any) -> bool:
    parts = get_args(annotation) if get_origin(annotation) in {Union, UnionType} else (annotation,)
    return SecretStr in parts
