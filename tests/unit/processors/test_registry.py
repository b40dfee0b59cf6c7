"""The registry is the one list of workers: pages, help and metrics say what it says."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer.testing

from cli.main import app
from docs import generate
from processors import metrics
from processors.registry import ENGINE, METRICS_OF_ALL, METRICS_OF_ENGINE, WORKERS
from store.streams import outbox

ROOT = generate.DOCS.parent


def table_rows(page: Path, name: str) -> list[str]:
    """The first cells of a generated table."""
    block = re.search(
        rf"<!-- generated: {name} -->(.*?)<!-- end -->", page.read_text("utf-8"), re.DOTALL
    )
    assert block is not None
    return re.findall(r"^\| `([a-z-]+)` \|", block[1], re.MULTILINE)


def page_with(name: str) -> Path:
    """The page that holds a generated block."""
    return next(
        page
        for page in generate.pages()
        if f"<!-- generated: {name} -->" in page.read_text("utf-8")
    )


def test_the_pages_list_the_kinds_of_the_registry() -> None:
    assert table_rows(page_with("workers"), "workers") == list(WORKERS)
    text = (ROOT / "README.md").read_text("utf-8")
    named = re.search(r"<!-- generated: worker-names -->(.*?)<!-- end -->", text)
    assert named is not None
    assert re.findall(r"`([a-z-]+)`", named[1]) == list(WORKERS)


def test_the_help_names_every_kind_and_what_it_does() -> None:
    ran = typer.testing.CliRunner().invoke(app, ["run", "--help"], env={"TERMINAL_WIDTH": "300"})
    text = " ".join(ran.output.replace("│", " ").split())
    assert "any of " + ", ".join(WORKERS) in text
    for kind in WORKERS.values():
        assert f"{kind.name}: {kind.does}." in text


@pytest.mark.parametrize("name", WORKERS)
def test_every_kind_can_be_made(name: str) -> None:
    kind = WORKERS[name]
    assert callable(kind.factory() if kind.lane == "engine" else kind.body())


def test_the_lane_runs_with_all_only_where_it_is_switched_on() -> None:
    kinds = list(WORKERS.values())
    assert [kind.name for kind in kinds if kind.lane == "engine"] == list(ENGINE)
    assert [*ENGINE, "notices", "notices-send"] == list(WORKERS)


def test_every_metric_is_exported_by_some_worker_and_every_name_exists() -> None:
    registered = {name for name, _, _ in generate.metric_families()}
    exported = {name for kind in WORKERS.values() for name in kind.metrics}
    shared = {*METRICS_OF_ALL, *METRICS_OF_ENGINE}
    assert exported | shared == registered
    assert exported & shared == set()
    assert {name for name in WORKERS if "points_loop_seconds" in WORKERS[name].exports} == {*ENGINE}
    assert len(registered) == sum(f.name.startswith("points_") for f in metrics.REGISTRY.collect())


def test_the_relays_sentence_names_as_many_shards_as_there_are() -> None:
    by_shards = [kind for kind in WORKERS.values() if kind.scaling == "shards"]
    assert all(f"up to {outbox.SHARDS} work" in kind.how_many for kind in by_shards)


@pytest.mark.parametrize("name", ENGINE)
def test_only_the_kinds_that_need_kafka_make_a_client_of_it(name: str) -> None:
    """A worker that needs no Kafka must not wait for one at its start."""
    module = Path(ROOT, *WORKERS[name].module.split(".")).with_suffix(".py")
    makes_client = bool(
        re.search(r"\b(Producer\(|Changes\(|Logs\(|TopicWorker\[)", module.read_text("utf-8"))
    )
    assert makes_client is WORKERS[name].needs_kafka


def test_the_registry_is_cheap_to_import() -> None:
    heavy = "{'psycopg', 'confluent_kafka', 'pydantic', 'structlog', 'prometheus_client', 'orjson'}"
    code = f"import sys, processors.registry; print(sorted({heavy} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
