"""`migrate` and `settings`, and their answers when something is wrong."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import orjson
import psycopg
import pytest
import yaml
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import make_url

from store.postgres import migrate
from tests.support.commands import points
from tests.support.servers import Databases
from tests.unit.rules.explain.test_order import SETTINGS

KAFKA = {"POINTS_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1"}


@pytest.fixture
def empty(postgres: Databases) -> dict[str, str]:
    return {**KAFKA, "POINTS_DATABASE__URL": postgres.database()}


@pytest.fixture
def migrated(empty: dict[str, str]) -> dict[str, str]:
    assert points(empty, "migrate").code == 0
    return empty


@pytest.fixture
def document(tmp_path: Path) -> Path:
    path = tmp_path / "settings.yaml"
    path.write_text(yaml.safe_dump(SETTINGS))
    return path


def run_sql(environment: dict[str, str], *statements: str) -> None:
    with psycopg.connect(environment["POINTS_DATABASE__URL"], autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def test_migrate_brings_an_empty_database_up_and_then_has_nothing_to_do(
    empty: dict[str, str],
) -> None:
    first = points(empty, "migrate", "--json").json
    assert (first["before"], first["changed"]) == (None, True)
    assert points(empty, "migrate", "--json").json == {
        "before": first["after"],
        "after": first["after"],
        "changed": False,
    }


def test_migrate_finds_the_primary_among_several_hosts(empty: dict[str, str]) -> None:
    url = make_url(empty["POINTS_DATABASE__URL"])
    here = f"{url.host}:{url.port}/"
    several = url.render_as_string(hide_password=False).replace(here, f"127.0.0.1:1,{here}")
    environment = empty | {"POINTS_DATABASE__URL": f"{several}?target_session_attrs=read-write"}
    assert points(environment, "migrate", "--json").json["changed"] is True
    assert points(environment, "doctor").out.count("PostgreSQL 18") == 1


def test_the_revisions_by_their_files_are_those_of_alembic() -> None:
    config = Config()
    config.set_main_option("script_location", str(migrate.FOLDER))
    scripts = ScriptDirectory.from_config(config)
    assert scripts.get_current_head() == migrate.known_revision()
    assert sorted(s.revision for s in scripts.walk_revisions()) == migrate.known_revisions()


def test_database_without_schema_is_refused(empty: dict[str, str]) -> None:
    ran = points(empty, "balance", "shop", "member")
    assert ran.code == 3
    assert "run `points migrate`" in ran.err


@pytest.mark.parametrize("command", [("balance", "shop", "member"), ("migrate",)])
def test_database_of_a_newer_version_is_refused(
    migrated: dict[str, str], command: tuple[str, ...]
) -> None:
    run_sql(migrated, "UPDATE alembic_version SET version_num = '9999_from_the_future'")
    ran = points(migrated, *command)
    assert ran.code == 3
    assert "9999_from_the_future, which this version does not know: run a newer version" in ran.err


def test_a_newer_schema_that_this_version_works_on_is_left_and_said(
    migrated: dict[str, str],
) -> None:
    known, newer = migrate.known_revision(), "9999_from_the_future"
    run_sql(
        migrated,
        f"UPDATE alembic_version SET version_num = '{newer}'",
        f"INSERT INTO schema_compatibility (revision, oldest_code) VALUES ('{newer}', '{known}')",
    )
    ran = points(migrated, "migrate")
    assert ran.code == 0
    assert f"at revision {newer}, newer than this version's {known}" in " ".join(ran.out.split())
    assert points(migrated, "migrate", "--json").json == {
        "before": newer,
        "after": newer,
        "changed": False,
    }


def test_wrong_password_is_told_without_showing_it(postgres: Databases) -> None:
    url = make_url(postgres.database()).set(password="not-the-password")
    ran = points(
        {**KAFKA, "POINTS_DATABASE__URL": url.render_as_string(hide_password=False)}, "migrate"
    )
    if ran.code == 0:
        pytest.skip("this server lets everybody in without a password")
    assert ran.code == 2
    assert "password" in ran.err
    assert "not-the-password" not in ran.err


def test_database_that_does_not_exist_is_told(postgres: Databases) -> None:
    url = (
        make_url(postgres.admin_url)
        .set(database="never_made")
        .render_as_string(hide_password=False)
    )
    ran = points({**KAFKA, "POINTS_DATABASE__URL": url}, "migrate")
    assert ran.code == 2
    assert "never_made" in ran.err


@pytest.fixture
def stranger(empty: dict[str, str]) -> Iterator[dict[str, str]]:
    """A user who owns nothing and may do nothing, in an empty database."""
    name = f"stranger_{uuid.uuid4().hex[:8]}"
    run_sql(empty, f"CREATE ROLE {name} LOGIN PASSWORD 'x'")
    url = make_url(empty["POINTS_DATABASE__URL"]).set(username=name, password="x")
    yield {**empty, "POINTS_DATABASE__URL": url.render_as_string(hide_password=False), "NAME": name}
    run_sql(empty, f"DROP OWNED BY {name}", f"DROP ROLE {name}")


def test_owner_who_may_not_create_tables_is_told_what_to_do(stranger: dict[str, str]) -> None:
    ran = points(stranger, "migrate")
    assert ran.code == 5
    assert "permission denied" in ran.err
    assert "POINTS_DATABASE__OWNER_URL" in ran.err


def test_owner_who_may_not_give_the_role_is_told_who_can(
    stranger: dict[str, str], empty: dict[str, str], postgres: Databases
) -> None:
    # Roles belong to the whole server: another database's migration makes sure that this one is
    # there.
    assert points({**KAFKA, "POINTS_DATABASE__URL": postgres.database()}, "migrate").code == 0
    run_sql(empty, f"GRANT CREATE ON SCHEMA public TO {stranger['NAME']}")
    ran = points(stranger, "migrate")
    assert ran.code == 5
    assert "role" in ran.err
    assert "let an administrator run CREATE ROLE points_app" in ran.err
    assert points(stranger, "balance", "shop", "member").code == 3


def test_settings_are_applied_once_shown_and_logged(
    migrated: dict[str, str], document: Path
) -> None:
    first = points(
        migrated, "settings", "apply", "shop", str(document), "--by", "mei", "--json"
    ).json
    assert (first["version"], first["changed"]) == (1, True)
    assert (
        points(migrated, "settings", "apply", "shop", str(document), "--json").json["changed"]
        is False
    )
    document.write_text(yaml.safe_dump(SETTINGS | {"enabled": False}))
    second = points(
        migrated,
        "settings",
        "apply",
        "shop",
        "-",
        "--by",
        "lin",
        "--json",
        stdin=document.read_text(),
    ).json
    assert second["version"] == 2
    shown = points(migrated, "settings", "show", "shop", "--json").json
    assert (shown["version"], shown["settings"]["enabled"], shown["applied_by"]) == (
        2,
        False,
        "lin",
    )
    assert (
        points(migrated, "settings", "show", "shop", "--version", "1", "--json").json["settings"][
            "enabled"
        ]
        is True
    )
    log = points(migrated, "settings", "log", "shop", "--json").json
    assert [(row["version"], row["applied_by"]) for row in log] == [(1, "mei"), (2, "lin")]
    assert log[1]["changes"] == [{"path": "enabled", "before": True, "after": False}]


def test_settings_applied_before_a_section_existed_are_the_same_settings(
    migrated: dict[str, str], document: Path
) -> None:
    points(migrated, "settings", "apply", "shop", str(document))
    as_of_then = "document - 'assign' - 'rules_text' - 'redeem', digest = '\\x00'"
    run_sql(migrated, f"UPDATE settings SET document = {as_of_then}")
    again = points(migrated, "settings", "apply", "shop", str(document), "--json").json
    assert (again["version"], again["changed"]) == (1, False)
    cash = {"unit_points": 10, "price_per_unit": 1, "max_percent": 20}
    document.write_text(yaml.safe_dump(SETTINGS | {"redeem": {"cash": cash}}))
    assert points(migrated, "settings", "apply", "shop", str(document), "--json").json["changed"]
    log = points(migrated, "settings", "log", "shop", "--json").json
    assert log[1]["changes"] == [
        {"path": "redeem.cash.channels", "before": None, "after": ["ec"]},
        {"path": "redeem.cash.max_percent", "before": None, "after": 20},
        {"path": "redeem.cash.minimum_purchase", "before": None, "after": 0},
        {"path": "redeem.cash.price_per_unit", "before": None, "after": 1},
        {"path": "redeem.cash.unit_points", "before": None, "after": 10},
    ]


def test_settings_for_another_version_are_refused(migrated: dict[str, str], document: Path) -> None:
    points(migrated, "settings", "apply", "shop", str(document))
    ran = points(migrated, "settings", "apply", "shop", str(document), "--if-version", "7")
    assert ran.code == 5
    assert "version 1 is in force, not 7" in ran.err


def test_every_problem_of_a_settings_file_is_told(migrated: dict[str, str], document: Path) -> None:
    wrong = {"expiry": {"kind": "fixed_date", "month": 2, "day": 30}, "pendingdays": 1}
    earn = SETTINGS["earn"] | wrong
    document.write_bytes(orjson.dumps(SETTINGS | {"currency": "ZZZ", "earn": earn, "zone": "x"}))
    ran = points(migrated, "settings", "apply", "shop", str(document))
    assert ran.code == 5
    for problem in (
        "currency is not a known currency",
        "earn.expiry.day 30 does not exist in month 2",
        "earn.pendingdays",
        "zone is not",
    ):
        assert problem in ran.err
    assert points(migrated, "settings", "show", "shop").code == 6


def test_missing_file_and_unknown_merchant_are_told(
    migrated: dict[str, str], tmp_path: Path
) -> None:
    assert points(migrated, "settings", "apply", "shop", str(tmp_path / "none.json")).code == 2
    for command in (("settings", "show"), ("settings", "log")):
        ran = points(migrated, *command, "nobody")
        assert ran.code == 6
        assert "merchant nobody is not known" in ran.err
