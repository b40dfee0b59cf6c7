"""JSON or YAML to plain values, with nothing lost on the way.

Both forms go through here so that they mean the same: numbers with a fraction become decimals as
they were written, and a key that is there twice is remembered, since otherwise the last one would
win silently. YAML is read as its version 1.2 says (`no` is a word, not false; times stay text),
without tags that make objects and without aliases.
"""

import json
import re
from collections import Counter
from collections.abc import Hashable, Iterator
from decimal import Decimal
from typing import Any, ClassVar, Final, NoReturn

import yaml

from schemas.whole_numbers import read_whole

# Far more than any merchant's settings, and little enough to read at once.
MAX_BYTES: Final = 1 << 20
MAX_VALUES: Final = 20_000
"""Keys, texts, numbers, lists and mappings of a document; a cart of a thousand items has half.

To read half a million from YAML, and to say what is wrong with each, takes half a minute.
"""


class UnreadableError(ValueError):
    """The text is no JSON or YAML document; the message says why and where."""


class Mapping(dict[str, object]):
    """A mapping that remembers which of its keys were there more than once."""

    def __init__(self, pairs: list[tuple[str, object]]) -> None:
        super().__init__(pairs)
        self.repeated: tuple[str, ...] = ()
        if len(pairs) > len(self):
            times = Counter(key for key, _ in pairs)
            self.repeated = tuple(sorted(key for key, count in times.items() if count > 1))


def parse_document(data: bytes, *, name: str, stored: bool = False) -> object:
    """The plain value of a document.

    A name ending in .json or .yaml says how to read it, else its first character. One of ours that
    is `stored` has no limits: with defaults spelt out it is larger than what was handed in.
    """
    if stored:
        return _json(data.decode())
    if len(data) > MAX_BYTES:
        raise UnreadableError(f"is larger than {MAX_BYTES} bytes")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableError(f"is not UTF-8 text (byte {error.start})") from None
    looks_like_json = text.lstrip()[:1] in {"{", "["} and not name.lower().endswith(
        (".yaml", ".yml")
    )
    try:
        if not looks_like_json and not name.lower().endswith(".json"):
            return _yaml(text)
        value = _json(text)
    except RecursionError:
        raise UnreadableError("is nested too deeply") from None
    if _has_more_values_than(MAX_VALUES, value):
        raise _too_many_values()
    return value


def _has_more_values_than(most: int, value: object) -> bool:
    found, within = 0, [value]
    while within and found <= most:
        each = within.pop()
        found += 1
        if isinstance(each, Mapping):
            found += len(each)
            within += each.values()
        elif isinstance(each, list):
            within += each
    return found > most


def _too_many_values() -> UnreadableError:
    return UnreadableError(f"has more than {MAX_VALUES:,} values")


def repeated_keys(
    value: object, path: tuple[str | int, ...] = ()
) -> Iterator[tuple[str | int, ...]]:
    """The paths of all keys that are there more than once."""
    if isinstance(value, Mapping):
        yield from ((*path, key) for key in value.repeated)
        for key, item in value.items():
            yield from repeated_keys(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from repeated_keys(item, (*path, index))


def _json(text: str) -> object:
    try:
        return json.loads(
            text,
            parse_int=read_whole,
            parse_float=Decimal,
            parse_constant=_no_constant,
            object_pairs_hook=Mapping,
        )
    except json.JSONDecodeError as error:
        raise UnreadableError(
            f"is not JSON: {error.msg} (line {error.lineno}, column {error.colno})"
        ) from None
    except ValueError as error:  # NaN or Infinity
        raise UnreadableError(f"is not JSON: {error}") from None


def _no_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number")


class _Loader(yaml.SafeLoader):
    """YAML 1.2 core: null, true and false, decimal numbers; everything else is text."""

    yaml_implicit_resolvers: ClassVar[dict[str, list[tuple[str, re.Pattern[str]]]]] = {}  # type: ignore[misc]  # PyYAML's stubs call it an instance's
    yaml_constructors: ClassVar[dict[str | None, Any]] = {}
    values = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Refuse aliases: they could make a small document endless. And too many values."""
        self.values += 1
        if self.values > MAX_VALUES:
            raise _too_many_values()
        if self.check_event(yaml.AliasEvent):
            raise UnreadableError(f"uses an alias (line {self.line + 1}); write the value out")
        node: yaml.Node | None = super().compose_node(parent, index)
        return node


def _mapping(loader: _Loader, node: yaml.MappingNode) -> Mapping:
    pairs: list[tuple[str, object]] = []
    for key_node, value_node in node.value:
        key: Hashable = loader.construct_object(key_node, deep=True)
        if not isinstance(key, str):
            raise UnreadableError(
                f"has a key that is not a word (line {key_node.start_mark.line + 1}); "
                "put it in quotes"
            )
        pairs.append((key, loader.construct_object(value_node, deep=True)))
    return Mapping(pairs)


def _sequence(loader: _Loader, node: yaml.SequenceNode) -> list[object]:
    return list(loader.construct_sequence(node, deep=True))


def _unknown_tag(_loader: _Loader, node: yaml.Node) -> NoReturn:
    raise UnreadableError(f"uses a tag (line {node.start_mark.line + 1}); write plain values")


def _integer(loader: _Loader, node: yaml.ScalarNode) -> int:
    return read_whole(str(loader.construct_scalar(node)))


def _decimal(loader: _Loader, node: yaml.ScalarNode) -> Decimal:
    return Decimal(loader.construct_scalar(node))


def _boolean(loader: _Loader, node: yaml.ScalarNode) -> bool:
    return str(loader.construct_scalar(node)).lower() == "true"


def _text(loader: _Loader, node: yaml.ScalarNode) -> str:
    return str(loader.construct_scalar(node))


_TAG: Final = "tag:yaml.org,2002:"
# The order matters where two fit: a number without a point or exponent is an integer.
for _kind, _pattern, _first in (
    ("null", r"^(?:null|Null|NULL|~|)$", ["~", "n", "N", ""]),
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")),
    ("int", r"^[-+]?[0-9]+$", list("-+0123456789")),
    (
        "float",
        r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$",
        list("-+.0123456789"),
    ),
):
    _Loader.add_implicit_resolver(_TAG + _kind, re.compile(_pattern), _first)
_Loader.add_constructor(_TAG + "null", lambda _loader, _node: None)
_Loader.add_constructor(_TAG + "bool", _boolean)
_Loader.add_constructor(_TAG + "int", _integer)
_Loader.add_constructor(_TAG + "float", _decimal)
_Loader.add_constructor(_TAG + "str", _text)
_Loader.add_constructor(_TAG + "seq", _sequence)
_Loader.add_constructor(_TAG + "map", _mapping)
_Loader.add_constructor(None, _unknown_tag)


def _yaml(text: str) -> object:
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - a stricter loader than the safe one
    except UnreadableError:
        raise
    except yaml.MarkedYAMLError as error:
        where = f" (line {error.problem_mark.line + 1})" if error.problem_mark else ""
        raise UnreadableError(f"is not YAML: {error.problem}{where}") from None
    except (yaml.YAMLError, ValueError, ArithmeticError) as error:
        raise UnreadableError(
            f"is not YAML: {type(error).__name__}: a character or number that it does not allow"
        ) from None
