"""The compose files, as data."""

import re
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parents[3] / "deploy" / "compose"
SERVERS, ENGINE = FOLDER / "compose.yaml", FOLDER / "engine.yaml"
EXAMPLE = FOLDER / "example.env"
_VARIABLE = re.compile(r"(?<!\$)\$\{(\w+)")
_ASSIGNED = re.compile(r"^(\w+)=(.+)$", re.MULTILINE)


def services(file: Path = ENGINE) -> dict[str, Any]:
    """The services of a compose file, its variables not filled in."""
    return dict(yaml.safe_load(file.read_text("utf-8"))["services"])


def our_services() -> dict[str, Any]:
    """Those that run the image of the engine, in the order of the file."""
    return {
        name: service
        for name, service in services().items()
        if service["image"].startswith("${POINTS_IMAGE")
    }


def asked_of_the_environment() -> set[str]:
    """The variables that the files take from `.env`."""
    return {
        name for file in (SERVERS, ENGINE) for name in _VARIABLE.findall(file.read_text("utf-8"))
    }


def example() -> dict[str, str]:
    """What the example of `.env` says."""
    return dict(_ASSIGNED.findall(EXAMPLE.read_text("utf-8")))
