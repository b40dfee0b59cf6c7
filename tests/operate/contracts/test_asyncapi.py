"""AsyncAPI's own parser reads the published document: no error, no warning."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from schemas import publish

ROOT = publish.SCHEMAS.parent
NODE = shutil.which("node") or ""
TOOLS = ROOT / ".cache" / "tools" / "asyncapi"
PARSE = Path(__file__).parent / "parse.cjs"

Json = dict[str, Any]


@pytest.fixture(scope="module", autouse=True)
def _parser() -> None:
    if not NODE or not (TOOLS / "node_modules/@asyncapi/parser").is_dir():
        pytest.skip("needs Node.js and AsyncAPI's parser: run .ci/asyncapi")


def found_in(document: Path) -> list[Json]:
    """What the parser finds, the most severe first."""
    ran = subprocess.run(
        [NODE, PARSE, TOOLS, document], capture_output=True, text=True, check=True, timeout=120
    )
    findings: list[Json] = json.loads(ran.stdout)
    return findings


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of what is published, to be broken."""
    return shutil.copytree(publish.PUBLISHED, tmp_path / "published") / "asyncapi.yaml"


def rewrite(document: Path, change: Callable[[Json], object]) -> None:
    content = yaml.safe_load(document.read_text("utf-8"))
    change(content)
    document.write_text(yaml.safe_dump(content, sort_keys=False), "utf-8")


def test_the_published_document_has_no_error_and_no_warning() -> None:
    assert found_in(publish.PUBLISHED / "asyncapi.yaml") == []


def openapi_discriminator(document: Path) -> None:
    """What pydantic writes for OpenAPI, and what this document was once refused for."""
    path = document.parent / "settings-changed.schema.json"
    schema = json.loads(path.read_text("utf-8"))
    expiry = schema["$defs"]["Earn"]["properties"]["expiry"]
    expiry["discriminator"] = {"propertyName": "kind"}
    path.write_text(json.dumps(schema), "utf-8")


def unknown_action(document: Path) -> None:
    rewrite(document, lambda d: d["operations"]["relay_sends_points_changed"].update(action="post"))


def message_of_no_channel(document: Path) -> None:
    def change(content: Json) -> None:
        del content["channels"]["points_changed_v1"]["messages"]["points-changed"]

    rewrite(document, change)


def misspelt_binding(document: Path) -> None:
    def change(content: Json) -> None:
        content["channels"]["points_changed_v1"]["bindings"]["kafka"]["partition"] = 4

    rewrite(document, change)


def schema_that_is_gone(document: Path) -> None:
    (document.parent / "points-changed.schema.json").unlink()


@pytest.mark.parametrize(
    "breaking",
    [
        openapi_discriminator,
        unknown_action,
        message_of_no_channel,
        misspelt_binding,
        schema_that_is_gone,
    ],
)
def test_a_broken_copy_is_refused(copy: Path, breaking: Callable[[Path], None]) -> None:
    breaking(copy)
    assert "error" in {finding["severity"] for finding in found_in(copy)}


def test_its_advice_is_seen_too_so_that_none_means_none(copy: Path) -> None:
    rewrite(copy, lambda content: content.update(asyncapi="3.0.0"))
    assert [(f["severity"], f["code"]) for f in found_in(copy)] == [
        ("info", "asyncapi-latest-version")
    ]
