"""Which rung of the ladder gives Kafka, PostgreSQL and Valkey.

What the environment names, containers, this machine, a mock: the first that can.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from deploy.local import containers, docker, kafka_local, postgres_local, valkey_local
from deploy.local.process import StartError

BOOTSTRAP_SERVERS = "POINTS_KAFKA__BOOTSTRAP_SERVERS"
DATABASE_URL = "POINTS_DATABASE__URL"
OWNER_URL = "POINTS_DATABASE__OWNER_URL"
REDIS_URL = "POINTS_REDIS__URL"
ENVIRONMENT = "POINTS_ENVIRONMENT"


class Rung(StrEnum):
    """The rungs, best first.

    CONTAINERS are those of tests (testcontainers), DOCKER is compose, NONE is a part that was not
    asked for, or a Valkey that cannot be had.
    """

    ENVIRONMENT = "environment"
    CONTAINERS = "containers"
    DOCKER = "docker"
    LOCAL = "local"
    MOCK = "mock"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Choice:
    """One rung, and why it is this one."""

    rung: Rung
    why: str


def kafka_choice(environ: Mapping[str, str] = os.environ, *, throwaway: bool = False) -> Choice:
    """The rung Kafka comes from; a `throwaway` one may be a container that ends with its test."""
    if environ.get(BOOTSTRAP_SERVERS):
        return Choice(Rung.ENVIRONMENT, f"{BOOTSTRAP_SERVERS} names it")
    if (engine := _engine(throwaway=throwaway)) is not None:
        return engine
    if (lack := kafka_local.missing()) is None:
        return Choice(Rung.LOCAL, "no Docker engine answers; Java is here")
    return Choice(Rung.MOCK, f"no Docker engine answers, and {lack}")


def postgres_choice(environ: Mapping[str, str] = os.environ, *, throwaway: bool = False) -> Choice:
    """The rung PostgreSQL comes from; a `throwaway` one may be a container.

    StartError when there is none, since nothing can stand in for it.
    """
    if environ.get(DATABASE_URL) or environ.get(OWNER_URL):
        named = OWNER_URL if environ.get(OWNER_URL) else DATABASE_URL
        return Choice(Rung.ENVIRONMENT, f"{named} names it")
    if (engine := _engine(throwaway=throwaway)) is not None:
        return engine
    if (lack := postgres_local.missing()) is None:
        return Choice(Rung.LOCAL, "no Docker engine answers; the wheel is installed")
    raise StartError(
        f"No PostgreSQL: {DATABASE_URL} is not set, no Docker engine answers, and {lack}."
    )


def valkey_choice(environ: Mapping[str, str] = os.environ, *, throwaway: bool = False) -> Choice:
    """The rung Valkey comes from; NONE where it cannot be had, and then the read model is off."""
    if environ.get(REDIS_URL):
        return Choice(Rung.ENVIRONMENT, f"{REDIS_URL} names it")
    if (engine := _engine(throwaway=throwaway)) is not None:
        return engine
    if (lack := valkey_local.missing()) is None:
        return Choice(Rung.LOCAL, "no Docker engine answers; the wheel is installed")
    return Choice(Rung.NONE, f"the read model is off: no Docker engine answers, and {lack}")


def _engine(*, throwaway: bool) -> Choice | None:
    """The rung of a container engine, None when none answers."""
    if throwaway and containers.missing() is None:
        return Choice(Rung.CONTAINERS, "a container engine answers")
    if not throwaway and docker.engine_answers():
        return Choice(Rung.DOCKER, "a Docker engine answers")
    return None
