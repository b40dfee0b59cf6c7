"""Whatever a process loads first can be loaded first.

Most tests run where the whole product is loaded already, which hides a circle of imports.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from pkgutil import iter_modules

import pytest

import cli.commands
from processors.registry import WORKERS

ROOT = Path(__file__).parents[2]
PRODUCT = ("schemas", "rules", "store", "processors", "api", "cli", "deploy")
ENTRANCES = sorted(
    {kind.module for kind in WORKERS.values()}
    | {module.name for module in iter_modules(cli.commands.__path__, "cli.commands.")}
)
"""What a process loads first: of each kind of worker, and of each group of commands."""


@pytest.mark.slow
@pytest.mark.parametrize("module", ENTRANCES)
def test_it_is_loaded_by_a_process_that_has_loaded_nothing_else(module: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"import {module}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_no_module_is_needed_to_load_itself() -> None:
    files = {_name(path): path for package in PRODUCT for path in (ROOT / package).rglob("*.py")}
    graph = {name: _loads(name, path) & files.keys() for name, path in files.items()}
    assert len(graph) > 500
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" needs ".join(reversed(error.args[1])))


def test_a_circle_through_a_package_is_found(tmp_path: Path) -> None:
    """A module of a package needs the package, but for those that the package itself loads."""
    texts = {
        "words": "from house.rooms.wall import Wall",
        "rooms": "from house.rooms.door import Door",
        "rooms.door": "from house.words import Word\nfrom house.rooms.wall import Wall",
        "rooms.wall": "def later():\n    from house.words import Word",
    }
    graph = {}
    for name, text in texts.items():
        path = tmp_path / f"{name}.py"
        path.write_text(text)
        graph[f"house.{name}"] = _loads(f"house.{name}", path)
    with pytest.raises(CycleError) as found:
        TopologicalSorter(graph).prepare()
    assert set(found.value.args[1]) == {"house.words", "house.rooms", "house.rooms.door"}


def _name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _loads(module: str, path: Path) -> set[str]:
    """What may be a module, and has to be loaded before this one is."""
    already = {module, *_packages(module)}
    named: set[str] = set()
    for statement in _imports(ast.parse(path.read_text("utf-8")).body):
        match statement:
            case ast.Import(names=names):
                named |= {alias.name for alias in names}
            case ast.ImportFrom(module=str(origin), names=names):
                named |= {origin, *(f"{origin}.{alias.name}" for alias in names)}
    return named.union(*map(_packages, named)) - already


def _packages(module: str) -> set[str]:
    """The packages around a module, which are loaded before it."""
    parts = module.split(".")
    return {".".join(parts[:end]) for end in range(1, len(parts))}


def _imports(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The imports that are made while a module is loaded."""
    for statement in body:
        match statement:
            case ast.Import() | ast.ImportFrom():
                yield statement
            case ast.If(test=ast.Name(id="TYPE_CHECKING"), orelse=otherwise):
                yield from _imports(otherwise)
            case ast.If() | ast.Try() | ast.With() | ast.ClassDef():
                for part in ("body", "handlers", "orelse", "finalbody"):
                    yield from _imports(getattr(statement, part, []))
            case ast.ExceptHandler(body=handled):
                yield from _imports(handled)
