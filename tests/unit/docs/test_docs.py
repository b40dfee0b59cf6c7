"""The documentation agrees with the code, and its links lead somewhere."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from docs import generate
from processors.registry import WORKERS
from schemas.settings import load_settings
from tests.support.commands import every_command

ROOT = generate.DOCS.parent
PACKAGES = ("schemas", "rules", "store", "processors", "cli", "deploy", "bench", "tests")
PAGES = {str(page.relative_to(ROOT)): page for page in generate.pages()}
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_REFERENCE = re.compile(r"\b(rules\.md|architecture\.md|account\.md) (\d+(?:\.\d+)?)")
_NUMBERED = re.compile(r"^#+ (\d+(?:\.\d+)?) ", re.MULTILINE)
_NAMED_TEST = re.compile(r"`(?:([\w/]+\.py)::)?(test_\w+)`")


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as viewers of Markdown make them."""
    text = _FENCED.sub("", page.read_text("utf-8"))
    return {
        re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-")
        for heading in _HEADING.findall(text)
    }


def numbered(page: str) -> set[str]:
    """The numbers that the headings of an explanation begin with: "2.2"."""
    text = (generate.DOCS / "explanation" / page).read_text("utf-8")
    return set(_NUMBERED.findall(_FENCED.sub("", text)))


def sources() -> Iterator[Path]:
    """Every file of code that may name a rule."""
    for package in PACKAGES:
        for pattern in ("*.py", "*.sql", "*.yaml"):
            yield from (ROOT / package).rglob(pattern)


def test_generated_tables_are_those_of_the_code() -> None:
    assert [str(page) for page in generate.stale()] == [], "run python -m docs.generate"


def test_every_table_that_the_code_knows_is_somewhere() -> None:
    text = "".join(page.read_text("utf-8") for page in PAGES.values())
    assert {name for name in generate.TABLES if f"<!-- generated: {name} -->" not in text} == set()


def test_a_topic_that_no_worker_writes_is_written_by_others() -> None:
    written_by = [row.split(" | ")[-1] for row in generate.topic_table().splitlines()[2:]]
    assert [cell for cell in written_by if cell.startswith("others;") and "`" not in cell] == []


def test_every_variable_is_in_the_table() -> None:
    text = (generate.DOCS / "reference" / "configuration.md").read_text("utf-8")
    assert [
        name for name, _ in generate.configuration_fields() if f"| `{name}` |" not in text
    ] == []


def test_every_metric_is_in_the_reference() -> None:
    text = (generate.DOCS / "reference" / "metrics.md").read_text("utf-8")
    names = [name for name, _, _ in generate.metric_families()]
    assert [name for name in names if f"`{name}" not in text] == []


def test_every_worker_is_explained_to_operators() -> None:
    text = (generate.DOCS / "how-to" / "operate.md").read_text("utf-8")
    assert [kind for kind in WORKERS if f"| `{kind}` |" not in text] == []


def test_every_command_is_in_the_reference() -> None:
    text = (generate.DOCS / "reference" / "cli.md").read_text("utf-8")
    missing = [name for name, _ in every_command() if not re.search(rf"`points {name}\b", text)]
    assert missing == []


def test_metrics_that_pages_name_exist() -> None:
    known = {name for name, _, _ in generate.metric_families()}
    for name, page in PAGES.items():
        named = set(re.findall(r"`(points_[a-z_]+?)(?:_total)?`", page.read_text("utf-8")))
        others = {
            "points_app",
            "points_notices",
            "points_ops",
            "points_readonly",
            "points_changed",
            "points_now",
            "points_per_unit",
        }
        assert named - known - others == set(), name


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name: str) -> None:
    page = PAGES[name]
    broken = []
    for link in _LINK.findall(_FENCED.sub("", page.read_text("utf-8"))):
        if link.startswith(("https://", "http://")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("page", ["rules.md", "architecture.md", "account.md"])
def test_rules_that_the_code_names_have_their_heading(page: str) -> None:
    headings = numbered(page)
    homeless = {
        f"{path.relative_to(ROOT)}: {name} {number}"
        for path in sources()
        for name, number in _REFERENCE.findall(path.read_text("utf-8"))
        if name == page and number not in headings
    }
    assert homeless == set()


def test_every_row_of_bad_input_names_a_test_that_exists() -> None:
    tests = ROOT / "tests"
    known = {
        str(path.relative_to(tests)): path.read_text("utf-8") for path in tests.rglob("test_*.py")
    }
    rows = [
        row
        for row in (generate.DOCS / "reference" / "bad-input.md").read_text("utf-8").splitlines()
        if row.startswith("| ")
    ]
    rows = [row for row in rows if not row.startswith("| input |")]
    unnamed = [row for row in rows if not _NAMED_TEST.search(row)]
    gone = [
        f"{file}::{test}"
        for row in rows
        for file, test in _NAMED_TEST.findall(row)
        if f"def {test}("
        not in known.get(file or "integration/processors/intake/test_bad_input.py", "")
    ]
    assert (unnamed, gone) == ([], [])
    assert len(rows) > 30


def test_every_decision_is_in_the_list() -> None:
    explanation = generate.DOCS / "explanation"
    text = (explanation / "decisions.md").read_text("utf-8")
    records = [path.name for path in (explanation / "adr").glob("*.md")]
    assert [name for name in records if f"adr/{name}" not in text] == []


def test_the_example_settings_can_be_applied() -> None:
    path = generate.DOCS / "examples" / "settings.yaml"
    assert load_settings(path.read_bytes(), name=path.name).earn.pending_days == 3
