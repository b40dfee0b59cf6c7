"""The database as an administrator makes it from the page, whose owner may make no roles."""

import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import URL, make_url

from deploy.local.postgres_local import LocalPostgres, missing
from tests.support.commands import Ran, points

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "install.md"
KAFKA = {"POINTS_ENVIRONMENT": "development", "POINTS_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1"}
OWN = ("CREATE ROLE shop_points_owner ", "CREATE DATABASE ")
"""The statements of the page that nobody could leave out."""


def statements() -> list[str]:
    """What the page has the administrator run."""
    block = re.search(r"```sql\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert block is not None
    return [line.strip() for line in block[1].split(";\n") if line.strip()]


class Administrator:
    """Whoever may do everything on a new server."""

    def __init__(self, server: LocalPostgres) -> None:
        self._server = make_url(server.url())

    def run(self, statements: list[str]) -> None:
        """One after the other."""
        url = self._server.render_as_string(hide_password=False)
        with psycopg.connect(url, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def points(self, *arguments: str) -> Ran:
        """A command with the page's three logins."""
        logins = {
            "POINTS_DATABASE__OWNER_URL": ("shop_points_owner", "change-me-1"),
            "POINTS_DATABASE__URL": ("shop_points", "change-me-2"),
            "POINTS_NOTICES__DATABASE_URL": ("shop_notices", "change-me-3"),
        }
        urls = {name: self._of(*login) for name, login in logins.items()}
        return points({**KAFKA, **urls}, *arguments)

    def _of(self, user: str, password: str) -> str:
        url: URL = self._server.set(username=user, password=password, database="shop_points")
        return url.render_as_string(hide_password=False)


@pytest.fixture
def administrator(server_folder: Path) -> Iterator[Administrator]:
    """On a server of its own, since roles belong to the whole server."""
    if (lack := missing()) is not None:
        pytest.skip(lack)
    with LocalPostgres(server_folder / "postgres") as server:
        yield Administrator(server)


def test_owner_of_the_page_migrates_and_each_login_does_its_work(
    administrator: Administrator,
) -> None:
    administrator.run(statements())
    assert administrator.points("migrate").err == ""
    # There is no shop yet, as only a login that may look can say.
    assert administrator.points("settings", "log", "shop").code == 6
    assert "unknown_shop" in administrator.points("notices", "list", "shop").err


def test_owner_who_may_make_no_roles_migrates_once_the_remedy_was_run(
    administrator: Administrator,
) -> None:
    administrator.run([line for line in statements() if line.startswith(OWN)])
    refused = administrator.points("migrate")
    assert refused.code == 5
    remedy = re.search(r"administrator run (.*;) and migrate again", refused.err)
    assert remedy is not None, refused.err
    administrator.run([line.strip() for line in remedy[1].split(";") if line.strip()])
    assert administrator.points("migrate").code == 0
