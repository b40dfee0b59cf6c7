"""Writes what others build on to `published/`: JSON Schemas and an AsyncAPI document of the topics.

There is one schema a message, and under `answers/` one for the `--json` of each command.
`python -m schemas.publish` writes the files; with `--check` it only names the stale ones, and exits
with 1; with `--release` it copies the schemas to `released/`, which later ones are compared with.
"""

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

from schemas.answers import ANSWERS, type_of
from schemas.publish import asyncapi
from schemas.publish.json_schemas import Direction, json_schema
from schemas.publish.messages import SENT, TAKEN

SCHEMAS: Final = Path(__file__).parents[1]
PUBLISHED: Final = SCHEMAS / "published"
RELEASED: Final = SCHEMAS / "released"
"""The schemas of the last release, without the AsyncAPI document: topics have no versions."""
SUFFIX: Final = ".schema.json"


def schemas() -> Iterator[tuple[str, Direction, dict[str, Any]]]:
    """Every schema with its file's name, without the suffix, and which way it goes."""
    directions: tuple[tuple[Direction, Any], ...] = (("taken", TAKEN), ("sent", SENT))
    for direction, models in directions:
        for name, model in models.items():
            yield name, direction, json_schema(name, model, direction)
    for name in ANSWERS:
        yield f"answers/{name}", "sent", json_schema(f"answers:{name}", type_of(name), "sent")


def rendered() -> dict[str, str]:
    """The text of every published file, by file name."""
    texts = {f"{name}{SUFFIX}": _json(schema) for name, _, schema in schemas()}
    texts["asyncapi.yaml"] = yaml.safe_dump(
        asyncapi.document(), sort_keys=False, allow_unicode=True, width=118
    )
    return texts


def stale() -> list[str]:
    """The names of published files that are missing, left over, or not what the models say."""
    texts = rendered()
    files = (path for path in PUBLISHED.rglob("*") if path.is_file())
    there = {path.relative_to(PUBLISHED).as_posix(): path.read_text("utf-8") for path in files}
    return sorted(
        name for name in texts.keys() | there.keys() if texts.get(name) != there.get(name)
    )


def release() -> None:
    """Copies the published schemas to `released/`, in place of those of the release before."""
    shutil.rmtree(RELEASED, ignore_errors=True)
    for path in PUBLISHED.rglob(f"*{SUFFIX}"):
        copy = RELEASED / path.relative_to(PUBLISHED)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)


def _json(schema: dict[str, Any]) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def main(arguments: list[str]) -> int:
    """Write the files, with --check name the stale ones, or with --release keep the schemas.

    The exit code: 0, or 1 for stale files.
    """
    names = stale()
    if names and arguments in (["--check"], ["--release"]):
        for name in names:
            sys.stderr.write(f"{name} is stale; run python -m schemas.publish\n")
        return 1
    if arguments == ["--release"]:
        release()
    texts = rendered()
    for name in names:
        if name in texts:
            (PUBLISHED / name).parent.mkdir(parents=True, exist_ok=True)
            (PUBLISHED / name).write_text(texts[name], "utf-8")
        else:
            (PUBLISHED / name).unlink()
    return 0
