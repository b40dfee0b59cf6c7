"""Every `--json` of the command line is a model of schemas.answers, with a published schema."""

import json

import orjson
import pytest

from cli.commands import run
from processors.runtime.supervisor import ChildSpec
from schemas import publish
from schemas.answers import ANSWERS, OPTIONAL
from schemas.answers.members import HistoryEntry
from schemas.answers.streams import CursorAnswer
from schemas.events import EntryType
from schemas.ids import NEVER
from tests.support.commands import every_command


def test_every_command_that_prints_json_has_an_answer_and_the_reverse() -> None:
    printing = {
        name.replace(" ", "-")
        for name, command in every_command()
        if any("--json" in parameter.opts for parameter in command.params)
    }
    # `--ambiguous` lists more than the counts, `--dry-run` makes no job.
    with_options = {
        "bulk-assign-dry-run",
        "carriers-parked-ambiguous",
        "carriers-parked-records",
    }
    assert printing | with_options == ANSWERS.keys()


@pytest.mark.parametrize("name", sorted(ANSWERS))
def test_the_published_schema_has_the_keys_in_their_order_and_says_which_may_be_missing(
    name: str,
) -> None:
    model, is_list = ANSWERS[name]
    schema = json.loads((publish.PUBLISHED / "answers" / f"{name}.schema.json").read_text("utf-8"))
    if is_list:
        assert schema["type"] == "array"
        schema = schema["$defs"][schema["items"]["$ref"].rpartition("/")[2]]
    if name in OPTIONAL:
        of, null = schema["anyOf"]
        assert null == {"type": "null"}
        schema = schema["$defs"][of["$ref"].rpartition("/")[2]]
    assert list(schema["properties"]) == list(model.model_fields)
    assert schema["required"] == [
        key for key, field in model.model_fields.items() if field.exclude_if is None
    ]


def test_instants_are_text_in_json_and_never_is_null() -> None:
    entry = HistoryEntry(
        sequence=1,
        type=EntryType.granted,
        points=5,
        balance_after=5,
        order_id="o",
        reason=None,
        performer=None,
        expires_at=NEVER,
        occurred_at=1_577_836_800_000_000,
        recorded_at=1_577_836_800_250_000,
    )
    printed = entry.model_dump_json()
    assert json.loads(printed)["expires_at"] is None
    assert json.loads(printed)["occurred_at"] == "2020-01-01T00:00:00Z"
    assert json.loads(printed)["recorded_at"] == "2020-01-01T00:00:00.250Z"
    assert HistoryEntry.model_validate_json(printed).recorded_at == entry.recorded_at


def test_a_cursor_that_no_batch_has_moved_has_no_time() -> None:
    fields = dict.fromkeys(CursorAnswer.model_fields, 0) | {
        "pipeline": "intake",
        "topic": "t",
        "cluster": "c",
        "topic_uuid": "u",
        "retired": False,
    }
    assert CursorAnswer.model_validate(fields).updated_at is None


def test_the_table_of_workers_is_printed_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    run._print([ChildSpec("intake", "intake-1", 9464)], "127.0.0.1", as_json=True)
    printed = capsys.readouterr().out
    assert printed.endswith("\n")
    assert orjson.dumps(orjson.loads(printed)).decode() == printed.strip()
    assert orjson.loads(printed) == [{"worker": "intake-1", "url": "http://127.0.0.1:9464"}]
