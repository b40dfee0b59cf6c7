"""The engine on a Kafka that lets in only who proves who they are, and only to what they may.

One broker with SCRAM over TLS, OAuth tokens and client certificates; a principal for each kind of
worker, with the rights that `points topics acls` gives and nothing more.
"""

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson
import psycopg
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    ResourcePatternType,
    ResourceType,
)

from deploy.local import kafka_local
from deploy.local.stack import Stack
from processors.registry import ENGINE
from processors.runtime.configuration import Configuration
from processors.runtime.kafka.rights import Right, principals, rights_of
from tests.support.commands import Ran, points
from tests.support.engine import PATIENCE, TOPICS, Engine, Worker, wait_for
from tests.support.secured.certificates import OPENSSL
from tests.support.secured.secured_kafka import ADMIN, ADMIN_PASSWORD, SecuredKafka
from tests.support.secured.token_endpoint import TokenEndpoint
from tests.support.servers import Databases
from tests.support.upstream import hex_id, order

pytestmark = pytest.mark.slow
PASSWORD = "opens-nothing-{kind}"
ORDER, MEMBER = hex_id("order", 1), hex_id("member", 1)
SHOP = "shop-a"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if OPENSSL is None:
        pytest.skip("openssl makes the certificates (Debian: openssl)")
    if (lack := kafka_local.missing()) is not None:
        pytest.skip(f"a broker of our own is needed: {lack}")
    return tmp_path_factory.mktemp("secured")


@pytest.fixture(scope="module")
def tokens(folder: Path) -> Iterator[TokenEndpoint]:
    clients = {"points-intake": "token-secret", "stranger": "strangers-secret"}
    with TokenEndpoint(folder, clients) as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def secured(folder: Path, tokens: TokenEndpoint) -> Iterator[SecuredKafka]:
    with SecuredKafka(folder / "broker", tokens.jwks) as broker:
        for kind in principals():
            broker.add_user(f"points-{kind}", PASSWORD.format(kind=kind))
        yield broker
    shutil.rmtree(folder / "broker", ignore_errors=True)


class Shop:
    """An engine whose kinds of workers log in each as itself."""

    def __init__(self, secured: SecuredKafka, engine: Engine) -> None:
        self.kafka, self.engine = secured, engine

    def environment(self, kind: str, **more: str) -> dict[str, str]:
        """The variables of a kind, or of the operator."""
        login = self.kafka.environment(f"points-{kind}", PASSWORD.format(kind=kind))
        return {**self.engine.environment, **login, **more}

    def points(self, kind: str, *arguments: str) -> Ran:
        """A command as a kind, or as the operator."""
        return points(self.environment(kind), *arguments)

    def as_admin(self, *arguments: str) -> Ran:
        """A command as one who may do everything."""
        login = self.kafka.environment(ADMIN, ADMIN_PASSWORD)
        return points({**self.engine.environment, **login}, *arguments)

    def run(self, kind: str, **more: str) -> Worker:
        """A worker as itself."""
        return self.engine.run(kind, **self.environment(kind, **more))

    def forget_others(self, running: int) -> None:
        """Leaves to the doctor only the workers that run: others of this file end on purpose."""
        with psycopg.connect(self.engine.database_url) as connection:
            connection.execute("DELETE FROM worker_beat")
        beats = "SELECT count(*) = %s FROM worker_beat"
        wait_for("their beats", lambda: self.engine.value(beats, running))

    def rights(self, kind: str) -> list[Right]:
        """What it needs, as the code knows it."""
        topics = {name: self.engine.topics[name] for name in TOPICS}
        configured = Configuration.model_validate(
            {
                "kafka": {
                    "bootstrap_servers": "any",
                    "group_id": self.engine.environment["POINTS_KAFKA__GROUP_ID"],
                },
                "database": {"url": "postgresql:///any"},
                "topics": topics,
            }
        )
        return rights_of(kind, configured)

    def take_away(self, kind: str, right: Right) -> None:
        """Deletes one ACL."""
        asked = AclBindingFilter(*_named(kind, right))
        taken = self.kafka.admin().delete_acls([asked])[asked].result(20)
        assert len(taken) == 1

    def give(self, kind: str, right: Right) -> None:
        """Makes one ACL."""
        made = AclBinding(*_named(kind, right))
        self.kafka.admin().create_acls([made])[made].result(20)


def _named(kind: str, right: Right) -> tuple[Any, ...]:
    return (
        ResourceType[right.resource.upper()],
        right.name,
        ResourcePatternType.LITERAL,
        f"User:points-{kind}",
        "*",
        AclOperation[right.operation.upper()],
        AclPermissionType.ALLOW,
    )


@pytest.fixture(scope="module")
def shop(
    secured: SecuredKafka, postgres: Databases, valkey_server: Stack, folder: Path
) -> Iterator[Shop]:
    """Rights given by the administrator, topics made by the operator."""
    url = postgres.database()
    with Engine(secured.bootstrap_servers, url, "s.", folder, login=secured.login) as engine:
        engine.environment["POINTS_REDIS__URL"] = valkey_server.redis_url
        engine.environment["POINTS_KAFKA__PARTITIONS"] = str(engine.partitions)
        made = Shop(secured, engine)
        assert made.as_admin("migrate").code == 0
        rows = made.as_admin("topics", "acls", "--apply", "--json").json
        assert {row["state"] for row in rows} == {"given"}
        # What was given a moment ago may not hold yet.
        wait_for("the topics", lambda: made.points("operator", "topics", "apply").code == 0)
        engine.merchant(SHOP)
        yield made
    postgres.drop(url)


@pytest.fixture(scope="module")
def workers(shop: Shop) -> Mapping[str, Worker]:
    """Every kind, each as itself; those without Kafka need no login."""
    kinds = [kind for kind in principals() if kind in ENGINE]
    running = {kind: shop.run(kind) for kind in kinds}
    running["grants"] = shop.engine.run("grants")
    return {kind: worker.wait_ready() for kind, worker in running.items()}


def test_the_whole_engine_runs_with_a_principal_for_each_kind(
    shop: Shop, workers: Mapping[str, Worker]
) -> None:
    engine = shop.engine
    command = {
        "command_id": "c1",
        "type": "assign",
        "merchant_id": SHOP,
        "member_id": MEMBER,
        "performer": {"kind": "staff", "id": "sue"},
        "issued_at": "2024-01-01T00:00:00Z",
        "points": 5,
        "reason": "thanks",
    }
    engine.produce([order(SHOP, ORDER, MEMBER, 1000, delivery="arrived")])
    engine.produce([order(SHOP, ORDER, MEMBER, 1000)._replace(value=b"{")])
    engine.produce(
        [order(SHOP, ORDER, MEMBER, 1)._replace(topic="commands", value=orjson.dumps(command))]
    )
    engine.wait_consumed(3)
    engine.wait_published()
    engine.audit({(SHOP, MEMBER): 105})
    assert len(engine.events("command_results")) == 1
    assert len(engine.events("dlq_orders")) == 1
    wait_for(
        "the read model", lambda: workers["readmodel"].metric("points_readmodel_members_total") > 0
    )
    for worker in workers.values():
        worker.wait_ready()
    shop.forget_others(len(workers))
    for said in (("doctor",), ("status",), ("cursor", "show"), ("topics", "apply")):
        ran = shop.points("operator", *said)
        assert ran.code == 0, ran
    assert shop.points("intake", "topics", "apply").code != 0


def test_each_right_that_is_taken_away_is_named_until_it_is_back(
    shop: Shop, workers: Mapping[str, Worker]
) -> None:
    """All kinds lose their first right at once, then get it back and lose the next."""
    kinds = [kind for kind in principals() if kind in ENGINE]
    lost: dict[str, Right] = {}
    for number in range(max(len(shop.rights(kind)) for kind in kinds) + 1):
        for kind in kinds:
            if kind in lost:
                shop.give(kind, lost.pop(kind))
            if number < len(shop.rights(kind)):
                lost[kind] = shop.rights(kind)[number]
                shop.take_away(kind, lost[kind])
        for kind in kinds:
            wait_for(
                f"{kind} without {lost.get(kind)}",
                lambda kind=kind: lacks(workers[kind]) == str(lost.get(kind, "")),  # type: ignore[misc]
                3 * PATIENCE,  # a group that was lost is asked for again with growing waits
            )
    for kind in kinds:
        workers[kind].wait_ready()
        assert workers[kind].process.poll() is None


def lacks(worker: Worker) -> str:
    """The right that a worker says it lacks; nothing when it is ready."""
    code, body = worker.get("/readyz")
    if code == 200:
        return ""
    reason = str(orjson.loads(body)["reason"])
    return reason.removeprefix("kafka: this user lacks ")


def test_a_worker_that_starts_without_a_right_names_it(shop: Shop) -> None:
    (right,) = [right for right in shop.rights("intake") if right.name == "s.customers"]
    shop.take_away("intake", right)
    try:
        wait_for("it is gone", lambda: _refused(shop.run("intake"), str(right)))
    finally:
        shop.give("intake", right)


def _refused(worker: Worker, words: str) -> bool:
    """Whether it ends for these words; one that still has the right gets ready, and is killed."""
    wait_for("ready or refused", lambda: worker.process.poll() is not None or worker.lines("ready"))
    if worker.process.poll() is None:
        worker.kill()
        return False
    return worker.wait() == 2 and words in worker.lines("refused")[0]["why"]


def test_another_group_and_another_topic_are_refused(shop: Shop) -> None:
    shop.engine.topics["secret"] = "secret.orders"
    shop.engine.create_topics("secret")
    other_group = shop.run("intake", POINTS_KAFKA__GROUP_ID="other")
    other_topic = shop.run("intake", POINTS_TOPICS__ORDERS="secret.orders")
    assert other_group.wait() == other_topic.wait() == 2
    assert "READ on group other.intake" in other_group.lines("refused")[0]["why"]
    assert "READ on topic secret.orders" in other_topic.lines("refused")[0]["why"]


def test_a_wrong_password_is_refused_and_not_shown(shop: Shop) -> None:
    worker = shop.run("intake", POINTS_KAFKA__SASL_PASSWORD="hushhush")
    assert worker.wait() == 2
    assert "Kafka refuses us" in worker.lines("refused")[0]["why"]
    ran = points(shop.environment("operator", POINTS_KAFKA__SASL_PASSWORD="hushhush"), "status")
    assert ran.code == 2
    for text in (worker.output, ran.out, ran.err):
        assert "hush" not in text


def test_a_broker_of_another_authority_is_not_talked_to(shop: Shop) -> None:
    """Without its authority, and with another one."""
    for ca in ("", str(shop.kafka.client("elsewhere").certificate)):
        ran = points(shop.environment("operator", POINTS_KAFKA__SSL_CA_LOCATION=ca), "status")
        assert ran.code == 7
        assert "certificate verify failed" in ran.err


def by_certificate(shop: Shop, kind: str) -> tuple[dict[str, str], dict[str, str]]:
    """A kind that has no password: its environment, and what names its certificate."""
    pair = shop.kafka.client(f"points-{kind}")
    for right in shop.rights(kind):
        binding = AclBinding(*_named(kind, right))
        binding.principal = f"User:CN=points-{kind}"
        shop.kafka.admin().create_acls([binding])[binding].result(20)
    without = {
        **{k: v for k, v in shop.environment(kind).items() if "SASL" not in k},
        "POINTS_KAFKA__SECURITY_PROTOCOL": "SSL",
        "POINTS_KAFKA__BOOTSTRAP_SERVERS": shop.kafka.mtls,
    }
    return without, {
        "POINTS_KAFKA__SSL_CERTIFICATE_LOCATION": str(pair.certificate),
        "POINTS_KAFKA__SSL_KEY_LOCATION": str(pair.key),
    }


def test_a_client_shows_its_certificate_where_one_is_asked_for(shop: Shop) -> None:
    without, certificate = by_certificate(shop, "intake")
    ran = points(without, "status")
    assert ran.code == 7
    shop.engine.environment, before = {**without, **certificate}, shop.engine.environment
    try:
        worker = shop.engine.run("intake").wait_ready()
    finally:
        shop.engine.environment = before
    assert worker.terminate() == 0


def read_by_the_lane(shop: Shop) -> int:
    """Records of the topic that it alone reads, of which the lane has an outcome."""
    query = "SELECT coalesce(sum(next_offset), 0)::int FROM notices.cursor WHERE topic = %s"
    return int(shop.engine.value(query, shop.engine.topics["notices_feedback"]))


@pytest.mark.parametrize("by", ["password", "certificate"])
def test_the_notices_lane_logs_in_with_a_client_of_its_own(shop: Shop, by: str) -> None:
    without, certificate = by_certificate(shop, "notices")
    login = shop.environment("notices") if by == "password" else {**without, **certificate}
    shop.engine.environment, before = login, shop.engine.environment
    already = read_by_the_lane(shop)
    try:
        worker = shop.engine.run("notices", POINTS_NOTICES__DIRECTORY="none").wait_ready()
        producer = Producer({**shop.engine.login, "bootstrap.servers": shop.engine.bootstrap})
        producer.produce(shop.engine.topics["notices_feedback"], b"{}", b"k")
        assert producer.flush(20) == 0
        wait_for("the record", lambda: read_by_the_lane(shop) > already)
    finally:
        shop.engine.environment = before
    assert worker.terminate() == 0
    # To whoever looks afterwards it is a lane that nobody uses, and not one that stands.
    with psycopg.connect(shop.engine.database_url) as connection:
        connection.execute("DELETE FROM notices.cursor")


def test_the_notices_lane_says_that_its_password_is_wrong_and_does_not_show_it(shop: Shop) -> None:
    login = shop.environment("notices", POINTS_KAFKA__SASL_PASSWORD="hushhush")
    shop.engine.environment, before = login, shop.engine.environment
    try:
        worker = shop.engine.run("notices", POINTS_NOTICES__DIRECTORY="none")
    finally:
        shop.engine.environment = before
    assert worker.wait() == 2
    assert "Kafka refuses us" in worker.lines("refused")[0]["why"]
    assert "hush" not in worker.output


def test_a_token_lets_a_client_in_and_a_stranger_may_do_nothing(
    shop: Shop, tokens: TokenEndpoint
) -> None:
    def with_token(client: str, secret: str) -> Worker:
        environment = {k: v for k, v in shop.environment("intake").items() if "SASL_" not in k}
        shop.engine.environment, before = (
            {
                **environment,
                "POINTS_KAFKA__SECURITY_PROTOCOL": "SASL_SSL",
                "POINTS_KAFKA__SASL_MECHANISM": "OAUTHBEARER",
                "POINTS_KAFKA__SASL_OAUTHBEARER_CLIENT_ID": client,
                "POINTS_KAFKA__SASL_OAUTHBEARER_CLIENT_SECRET": secret,
                "POINTS_KAFKA__SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL": tokens.url,
            },
            shop.engine.environment,
        )
        try:
            return shop.engine.run("intake")
        finally:
            shop.engine.environment = before

    worker = with_token("points-intake", "token-secret").wait_ready()
    stranger = with_token("stranger", "strangers-secret")
    assert stranger.wait() == 2
    assert "READ on group" in stranger.lines("refused")[0]["why"]
    assert {"points-intake", "stranger"} <= set(tokens.issued)
    assert worker.terminate() == 0
    wrong = with_token("points-intake", "hushhush")
    wait_for("it is told", lambda: wrong.lines("not_ready") or wrong.process.poll() is not None)
    assert "hush" not in wrong.output
    wrong.kill()
