"""The published schemas keep what the released ones promised; the comparison sees what does not."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from schemas import publish
from tests.support.compatibility import is_compatible

Json = dict[str, Any]
Change = Callable[[Json], object]

NOW = {name: (direction, schema) for name, direction, schema in publish.schemas()}
RELEASED = sorted(
    path.relative_to(publish.RELEASED).as_posix().removesuffix(publish.SUFFIX)
    for path in publish.RELEASED.rglob(f"*{publish.SUFFIX}")
)


def released(name: str) -> Json:
    schema: Json = json.loads((publish.RELEASED / f"{name}{publish.SUFFIX}").read_text("utf-8"))
    return schema


def test_there_is_a_released_set() -> None:
    assert {"points-changed", "command-assign", "answers/balance"} <= set(RELEASED)


@pytest.mark.parametrize("name", RELEASED)
def test_a_released_schema_is_still_published_and_still_kept(name: str) -> None:
    direction, now = NOW[name]
    assert is_compatible(released(name), now, direction), (
        f"{name}.schema.json breaks what was released: add fields, optional ones where others"
        " write them, and take none away; or release a new major version (CONTRIBUTING.md)"
    )


def add_optional(schema: Json) -> None:
    schema["properties"]["invented"] = {"type": "string"}


def add_required(schema: Json) -> None:
    add_optional(schema)
    schema["required"].append("invented")


def remove(schema: Json) -> None:
    field = schema["required"].pop()
    del schema["properties"][field]


def remove_optional(schema: Json) -> None:
    field = next(name for name in schema["properties"] if name not in schema["required"])
    del schema["properties"][field]


def require(schema: Json) -> None:
    field = next(name for name in schema["properties"] if name not in schema["required"])
    schema["required"].append(field)


def no_longer_require(schema: Json) -> None:
    schema["required"].pop()


def other_type(schema: Json) -> None:
    schema["properties"][schema["required"][-1]] = {"type": "boolean"}


def changed(name: str, change: Change) -> bool:
    """Whether an invented change of a schema of today counts as compatible."""
    direction, schema = NOW[name]
    after = copy.deepcopy(schema)
    change(after)
    return is_compatible(schema, after, direction)


def resource(change: Change) -> Change:
    """The change within the order of an envelope, or in the schema itself."""
    return lambda schema: change(schema.get("$defs", {}).get("OrderResource", schema))


@pytest.mark.parametrize("name", ["points-changed", "command-result"])
@pytest.mark.parametrize(
    ("change", "compatible"),
    [
        (add_optional, True),
        (add_required, True),
        (require, True),
        (remove, False),
        (remove_optional, False),
        (no_longer_require, False),
        (other_type, False),
    ],
)
def test_what_we_send_may_gain_and_never_lose(name: str, change: Change, compatible: bool) -> None:
    assert changed(name, change) is compatible


@pytest.mark.parametrize("name", ["command-assign", "carrier-report", "upstream-order"])
@pytest.mark.parametrize(
    ("change", "compatible"),
    [
        (add_optional, True),
        (no_longer_require, True),
        (add_required, False),
        (require, False),
        (remove, False),
        (remove_optional, False),
        (other_type, False),
    ],
)
def test_what_we_take_may_ask_less_and_never_more(
    name: str, change: Change, compatible: bool
) -> None:
    assert changed(name, resource(change)) is compatible


def test_an_answer_may_gain_a_field_and_lose_none() -> None:
    """Answers have no optional fields to speak of, so that their own changes suffice."""
    assert changed("answers/migrate", add_optional)
    assert not changed("answers/migrate", remove)


def test_a_new_type_of_event_is_an_addition() -> None:
    def new_type(schema: Json) -> None:
        schema["properties"]["type"]["anyOf"][0]["enum"].append("invented")

    assert changed("points-changed", new_type)


def test_a_new_outcome_of_commands_is_a_break() -> None:
    def new_outcome(schema: Json) -> None:
        schema["properties"]["outcome"]["enum"].append("invented")

    assert not changed("command-result", new_outcome)


def test_settings_may_gain_a_key_although_they_refuse_unknown_ones() -> None:
    """They are taken as a document and sent as a part of an event."""
    assert changed("settings-document", add_optional)

    def add_setting(schema: Json) -> None:
        add_optional(schema["$defs"]["SettingsDocument"])

    assert changed("settings-changed", add_setting)


def test_a_release_keeps_the_published_schemas(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publish, "RELEASED", tmp_path)
    (tmp_path / "left-over.schema.json").write_text("{}", "utf-8")
    assert publish.main(["--release"]) == 0
    kept = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.json")}
    assert kept == publish.rendered().keys() - {"asyncapi.yaml"}
