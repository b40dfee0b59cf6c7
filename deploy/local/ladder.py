"""Which rung of the ladder gives Kafka and PostgreSQL: what the environment names, Docker, this machine, a mock."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from deploy.local import docker, kafka_local, postgres_local
from deploy.local.process import StartError

BOOTSTRAP_SERVERS = "POINTS_KAFKA__BOOTSTRAP_SERVERS"
DATABASE_URL = "POINTS_DATABASE__URL"
OWNER_URL = "POINTS_DATABASE__OWNER_URL"


class Rung(StrEnum):
    """The rungs, best first."""

    ENVIRONMENT = "environment"
    DOCKER = "docker"
    LOCAL = "local"
    MOCK = "mock"


@dataclass(frozen=True, slots=True)
class Choice:
    """One rung, and why it is this one."""

    rung: Rung
    why: str


def kafka_choice(environ: Mapping[str, str] = os.environ) -> Choice:
    """The rung Kafka comes from."""
    if environ.get(BOOTSTRAP_SERVERS):
        return Choice(Rung.ENVIRONMENT, f"{BOOTSTRAP_SERVERS} names it")
    if docker.engine_answers():
        return Choice(Rung.DOCKER, "a Docker engine answers")
    if (lack := kafka_local.missing()) is None:
        return Choice(Rung.LOCAL, "no Docker engine answers; Java is here")
    return Choice(Rung.MOCK, f"no Docker engine answers, and {lack}")


def postgres_choice(environ: Mapping[str, str] = os.environ) -> Choice:
    """The rung PostgreSQL comes from.

    StartError when there is none, since nothing can stand in for it.
    """
    if environ.get(DATABASE_URL) or environ.get(OWNER_URL):
        named = OWNER_URL if environ.get(OWNER_URL) else DATABASE_URL
        return Choice(Rung.ENVIRONMENT, f"{named} names it")
    if docker.engine_answers():
        return Choice(Rung.DOCKER, "a Docker engine answers")
    if (lack := postgres_local.missing()) is None:
        return Choice(Rung.LOCAL, "no Docker engine answers; the wheel is installed")
    raise StartError(
        f"No PostgreSQL: {DATABASE_URL} is not set, no Docker engine answers, and {lack}."
    )
