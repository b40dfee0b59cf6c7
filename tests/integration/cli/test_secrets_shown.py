"""Planted secrets and personal data come out nowhere: logs, pages, doctor, config show, crashes."""

import base64
from typing import Any
from urllib.parse import quote

import orjson
import psycopg
import pytest
from psycopg import sql
from sqlalchemy import make_url

from tests.support.commands import points
from tests.support.engine import Engine, wait_for
from tests.support.upstream import Record, hex_id, order

PASSWORD, REDIS = "planted-p4ss@word", "planted-r3dis"
KEY = base64.urlsafe_b64encode(b"planted-quote-key-of-32-bytes-and-more").decode().rstrip("=")
JWS = "eyJhbGciOiJIUzI1NiIsImtpZCI6IksifQ.eyJwbGFudGVkIjoxfQ.cGxhbnRlZC1zaWduYXR1cmU"
EMAIL, PHONE, ABROAD = "planted.person@mail.example", "0955123987", "+886 955 123 987"
NEEDLES = (PASSWORD, quote(PASSWORD, safe=""), "planted", REDIS, KEY, JWS, EMAIL, PHONE, ABROAD)
SHOP = "shop-a"


@pytest.fixture
def planted(engine: Engine) -> dict[str, str]:
    """An engine whose login has a password of ours, and whose other secrets are ours too."""
    engine.merchant(SHOP)
    name = make_url(engine.database_url).database or ""
    with psycopg.connect(engine.database_url) as connection:
        statement = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {} IN ROLE points_app")
        connection.execute(statement.format(sql.Identifier(name), PASSWORD))
    url = make_url(engine.database_url).set(username=name, password=PASSWORD)
    return {
        **engine.environment,
        "POINTS_DATABASE__URL": url.render_as_string(hide_password=False),
        "POINTS_REDIS__URL": f"redis://:{REDIS}@127.0.0.1:1/0",
        "POINTS_QUOTES__KEYS": f"k:{KEY}",
        "POINTS_LOG_LEVEL": "debug",
    }


def person(number: int, topic: str = "orders") -> Record:
    """A record about somebody, which cannot be read."""
    content: dict[str, Any] = orjson.loads(
        order(SHOP, hex_id("o", number), hex_id("m", number), 1000).value or b""
    )
    content["resource"] |= {"customer_email": EMAIL, "customer_phone": PHONE, "note": JWS}
    content["resource"]["subtotal"] = f"{EMAIL} {ABROAD} password={PASSWORD}"
    return Record(topic, EMAIL, orjson.dumps(content))


def test_they_come_out_nowhere(engine: Engine, planted: dict[str, str]) -> None:
    workers = [engine.run(kind, **planted) for kind in ("intake", "relay", "commands", "readmodel")]
    engine.produce([person(number) for number in range(3)])
    engine.produce([Record("commands", EMAIL, f'{{"command_id": "{EMAIL}", "x": {PHONE}'.encode())])
    engine.wait_consumed(4)
    said = {f"log of {w.log.name}": w.output for w in workers}
    for worker in workers:
        for page in ("/metrics", "/readyz", "/healthz"):
            said[f"{page} of {worker.log.name}"] = worker.get(page)[1]
    said |= commands(planted)
    assert "***" in said["config show"]
    found = [
        (where, needle) for where, text in said.items() for needle in NEEDLES if needle in text
    ]
    assert found == []


def commands(planted: dict[str, str]) -> dict[str, str]:
    """What commands say, on servers that answer and on some that do not."""
    nowhere = make_url(planted["POINTS_DATABASE__URL"]).set(port=1)
    broken = {
        **planted,
        "POINTS_DATABASE__URL": nowhere.render_as_string(hide_password=False),
        "POINTS_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1",
    }
    said = {}
    for line in ("config show", "config show --json", "doctor", "status", "dlq list", "dlq show 1"):
        ran = points(planted, *line.split())
        said[line] = ran.out + ran.err
    for line in ("doctor", "status", "--debug balance shop ann", "readmodel rebuild"):
        ran = points(broken, *line.split())
        said[f"{line} without servers"] = ran.out + ran.err
    return said


def test_a_crash_tells_where_and_not_what(engine: Engine, planted: dict[str, str]) -> None:
    """The database answers with an error of the kind that no one expects, values and all."""
    with psycopg.connect(engine.database_url) as connection:
        connection.execute(
            f"""CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                 RAISE EXCEPTION 'of {EMAIL}, {ABROAD}, password={PASSWORD}, {JWS}'
                 USING ERRCODE = 'XX001', DETAIL = '{EMAIL}'; END $$;
               CREATE TRIGGER fail BEFORE INSERT OR UPDATE ON worker_beat
               FOR EACH ROW EXECUTE FUNCTION fail()""".encode()
        )
    worker = engine.run("grants", **planted)
    wait_for("it is told", lambda: worker.lines("crashed") or worker.lines("not_ready"))
    assert "***" in worker.output
    assert [needle for needle in NEEDLES if needle in worker.output] == []
