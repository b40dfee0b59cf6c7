"""A real Prometheus scrapes real workers: troubles are brought about, seen, and mended.

They are mended by their runbooks, whose commands are run as they are printed.
"""

from collections.abc import Iterator

import pytest

from deploy.local.sinks.process import SinksProcess
from deploy.local.stack import Stack
from tests.support.engine import Engine, wait_for
from tests.support.operate.busy_lane import BusyLane
from tests.support.operate.following import Operator
from tests.support.operate.prometheus import Prometheus
from tests.support.operate.runbooks import Step, runbook
from tests.support.servers import Databases
from tests.support.upstream import Record, hex_id, order, poison

pytestmark = pytest.mark.slow
SHOPS = ("shop-a", "shop-b", "shop-c")
FASTER = 20
"""Three minutes without a worker are nine seconds, a scrape every 15 seconds is one of 0.75."""
PATIENCE = 120.0
OTHERS = ("intake", "watch")
"""What these troubles need; kinds that are left out are missed all the time."""


REFUSED = 25
"""Mails that a provider drops without a word, more than it takes to open its breaker."""


class Site:
    """Workers, and the Prometheus that scrapes them."""

    def __init__(self, engine: Engine, prometheus: Prometheus) -> None:
        self.engine, self.prometheus = engine, prometheus
        self.operator = Operator(engine, PROMETHEUS=prometheus.url)
        for shop in SHOPS:
            engine.merchant(shop)
        self.others = [engine.run(kind) for kind in OTHERS]
        self.relay = engine.run("relay")
        self.scrape()
        wait_for("all of them scraped", self._all_up, PATIENCE)

    def _all_up(self) -> bool:
        ready = self.prometheus.query("max by (worker) (points_worker_ready) == 1")
        return {sample["metric"]["worker"] for sample in ready} == {*OTHERS, "relay"}

    def scrape(self) -> None:
        """Scrapes the workers that are there."""
        self.prometheus.scrape(worker.url() for worker in [*self.others, self.relay])

    def fires(self, alert: str, **labels: str) -> bool:
        """Whether /api/v1/alerts has it."""
        return self.prometheus.fires(alert, **labels)

    def wait_fires(self, alert: str, **labels: str) -> None:
        """Return once it fires."""
        wait_for(f"{alert} fires", lambda: self.fires(alert, **labels), PATIENCE)

    def wait_silent(self, alert: str, **labels: str) -> None:
        """Return once it does not fire."""
        wait_for(f"{alert} is silent", lambda: not self.fires(alert, **labels), PATIENCE)


@pytest.fixture(scope="module")
def site(
    kafka: str, postgres: Databases, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    url = postgres.database()
    with (
        Engine(kafka, url, f"{folder.name}.", folder) as engine,
        Prometheus(folder / "prometheus", FASTER) as prometheus,
    ):
        yield Site(engine.prepare(), prometheus)
    postgres.drop(url)


def fix(alert: str, line: str) -> Step:
    """The command of a runbook's fix that begins like this."""
    (step,) = [step for step in runbook(alert).fixes if step.line.startswith(line)]
    return step


def ids(site: Site) -> list[str]:
    """The ids of dead letters that are neither redriven nor discarded."""
    query = "SELECT id FROM quarantine WHERE redriven_us IS NULL AND discarded_us IS NULL"
    return [str(row[0]) for row in site.engine.rows(f"{query} ORDER BY id")]


def test_a_killed_relay_is_missed_and_the_outbox_gets_old_until_it_runs_again(site: Site) -> None:
    site.wait_fires("PointsWorkerAbsent", worker="grants", severity="page")
    site.wait_silent("PointsWorkerAbsent", worker="relay")
    site.wait_silent("PointsOutboxOld")
    site.engine.wait_published()
    told = len(site.engine.events())
    site.relay.kill()
    site.engine.produce([order("shop-a", hex_id("o"), hex_id("m"), 1000, delivery="arrived")])
    site.wait_fires("PointsWorkerAbsent", worker="relay", severity="page")
    site.wait_fires("PointsOutboxOld", severity="page")
    wait_for(  # a worker that says nothing for 30 seconds counts as ended
        "doctor misses it",
        lambda: "worker relay: none is running" in site.engine.command("doctor").stdout,
        PATIENCE,
    )
    site.operator.look(
        "PointsWorkerAbsent",
        {"points doctor": "worker relay: none is running", "points status": "no relay is running"},
    )
    site.operator.look(
        "PointsOutboxOld",
        {
            "points status": r"outbox +\d+ +oldest .*, no relay is running",
            "points doctor": "worker relay: none is running",
            "points outbox list": "no rows were refused",
        },
    )
    step = fix("PointsOutboxOld", "points run")
    assert step.line == fix("PointsWorkerAbsent", "points run").line == "points run relay"
    site.relay = site.engine.run(*step.line.split()[2:])
    site.scrape()
    site.wait_silent("PointsOutboxOld")
    site.wait_silent("PointsWorkerAbsent", worker="relay")
    assert len(site.engine.events()) == told + 1


def test_poison_of_many_merchants_pauses_intake_until_it_is_resumed(site: Site) -> None:
    site.wait_silent("PointsPipelinePaused")
    # One key: all of it in one partition, so that it is so many in a row.
    flood = [Record("orders", "k", poison(SHOPS[n % 3], n).value) for n in range(60)]
    consumed = site.engine.consumed()
    site.engine.produce(flood)
    site.wait_fires("PointsPipelinePaused", pipeline="intake", severity="page")
    assert not site.fires("PointsWorkerNotReady", worker="intake")
    site.operator.look(
        "PointsPipelinePaused",
        {
            "points status": r"intake.*paused|paused.*intake",
            "points doctor": r"✗ pipeline intake: paused: .*unreadable records in a row",
        },
        wrong={"points doctor": 1},
    )
    assert site.engine.consumed() == consumed
    site.operator.fix("PointsPipelinePaused", "points resume")
    site.engine.wait_consumed(consumed + len(flood))
    site.wait_silent("PointsPipelinePaused")
    site.engine.wait_published()
    # Their cause is not mended here: they come back as new dead letters.
    site.operator.fix("PointsPipelinePaused", "points dlq redrive")
    site.engine.wait_consumed(consumed + 2 * len(flood))


def test_dead_letters_that_arrive_are_seen_until_no_more_come(site: Site) -> None:
    site.wait_silent("PointsDeadLettersArriving")
    known, consumed = set(ids(site)), site.engine.consumed()
    site.engine.produce([poison("shop-a", n) for n in range(3)])
    site.engine.wait_consumed(consumed + 3)
    topic = site.engine.topics["orders"]
    site.wait_fires("PointsDeadLettersArriving", topic=topic, severity="ticket")
    new, other, _ = sorted(set(ids(site)) - known, key=int)
    site.operator.look(
        "PointsDeadLettersArriving",
        {"points dlq list": rf"(?m)^ *{new} .*", "points status": "dead letters"},
    )
    for line in ("points dlq show", "points dlq redrive", "points dlq discard"):
        site.operator.fix("PointsDeadLettersArriving", line, ID=new, OTHER=other)
    site.engine.wait_consumed(consumed + 4)  # the one that was redriven, as bad as before
    site.wait_silent("PointsDeadLettersArriving")


@pytest.fixture
def lane(site: Site, valkey_server: Stack) -> Iterator[BusyLane]:
    """The notices lane beside them, whose provider of mails can be cut off; its workers run."""
    with SinksProcess() as sinks:
        lane = BusyLane(site.engine, sinks)
        lane.settle_in(SHOPS)
        lane.know((SHOPS[0], hex_id("told", n)) for n in range(REFUSED))
        redis = {"POINTS_REDIS__URL": valkey_server.redis_url}
        kinds = ("notices", "notices-send")
        workers = [site.engine.run(kind, **redis, **lane.environment) for kind in kinds]
        site.others += workers
        for worker in workers:
            worker.wait_ready()
        site.scrape()
        yield lane
        for worker in workers:
            site.others.remove(worker)
            assert worker.terminate() == 0
        site.scrape()


def test_a_provider_that_is_down_is_seen_until_it_takes_mails_again(
    site: Site, lane: BusyLane
) -> None:
    wait_for("both scraped", lambda: site.prometheus.query("points_notices_breaker_open") or None)
    assert not site.fires("PointsNoticesProviderDown")
    lane.sinks.become("smtp", mood="busy")
    site.engine.produce(
        order(SHOPS[0], hex_id("told", "o", n), hex_id("told", n), 1000, delivery="arrived")
        for n in range(REFUSED)
    )
    site.wait_fires("PointsNoticesProviderDown", provider="smtp", severity="ticket")
    # It may come back by itself: nobody is woken.
    assert not site.fires("PointsNoticesProviderDown", severity="page")
    # What the other provider sends goes on, and no mail is given up.
    wait_for("SMS are sent", lambda: lane.notices("channel = 'sms' AND state = 'sent'") == REFUSED)
    assert not site.fires("PointsNoticesProviderDown", provider="mitake")
    assert lane.notices("channel = 'email' AND state = 'waiting'") == REFUSED
    site.operator.look(
        "PointsNoticesProviderDown",
        {
            "points notices status": "smtp",
            "points doctor": "✗ notices: provider smtp is left alone",
        },
        wrong={"points doctor": 7},
    )
    lane.sinks.become("smtp", mood="normal")
    site.wait_silent("PointsNoticesProviderDown", provider="smtp")
    wait_for(
        "all mails are sent",
        lambda: lane.notices("channel = 'email' AND state = 'sent'") == REFUSED,
    )
