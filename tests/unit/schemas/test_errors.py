"""Expected failures are one family: each has its own code word and exit code."""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import cli
import deploy
import processors
import rules
import schemas
import store
from schemas.errors import Exit, PointsError

ROOT = Path(schemas.__file__).parents[1]
PACKAGES = (schemas, rules, store, processors, cli, deploy)
CALLED_AS_PROGRAMS = (".__main__", ".migrations.")


def load_all() -> None:
    """Imports every module, so that every class of the family is known."""
    for package in PACKAGES:
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not any(part in module.name for part in CALLED_AS_PROGRAMS):
                importlib.import_module(module.name)


def family(base: type[PointsError] = PointsError) -> Iterator[type[PointsError]]:
    """All classes below `base`; those that tests define are left out."""
    for member in base.__subclasses__():
        if not member.__module__.startswith("tests."):
            yield member
            yield from family(member)


def test_every_failure_has_an_exit_code_and_a_code_word_of_its_own() -> None:
    load_all()
    members = list(family())
    assert len(members) >= 12
    words = [member.code for member in members]
    assert len(set(words)) == len(words)
    for member in members:
        assert "code" in vars(member), member
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", member.code)
        assert isinstance(member.exit_code, Exit)
        assert member.exit_code is not Exit.OK


def test_no_class_name_is_compared_as_a_string() -> None:
    """Renaming a class must not change what a program does."""
    compared = re.compile(
        r"__name__\s*(==|!=|in\b)|(==|!=|\bin)\s*type\([^)]*\)\.__name__|match .*__name__"
    )
    assert [
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package.__name__).rglob("*.py")
        for line in path.read_text("utf-8").splitlines()
        if compared.search(line) and '"__main__"' not in line
    ] == []


def test_exit_codes_are_numbered_without_gaps_and_explained() -> None:
    assert [int(code) for code in Exit] == list(range(len(Exit)))
    assert all(code.meaning for code in Exit)


def test_a_failure_says_what_is_wrong_and_what_to_do_in_one_text() -> None:
    failure = PointsError("topic orders is gone", "create it", where="orders")
    assert str(failure) == "topic orders is gone: create it"
    assert (failure.lines, failure.remedy, failure.where) == (
        ("topic orders is gone",),
        "create it",
        "orders",
    )
    assert str(PointsError(["two", "lines"])) == "two\nlines"
