"""Health, metrics and logs of a worker, without a worker."""

import http.client
import io
import json
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Literal

import psycopg
import pytest
import structlog
from prometheus_client import generate_latest

from cli.support.errors import failure_of
from processors import metrics
from processors.grants import Grants
from processors.intake.intake_metrics import option_bucket
from processors.metric_types import Histogram, gauge
from processors.runtime.configuration import Configuration, MetricsConfiguration
from processors.runtime.exposition import Exposition
from processors.runtime.failures import one_line
from processors.runtime.health import Health, HealthServer
from processors.runtime.logs import librdkafka_logger, log, set_up
from processors.runtime.loop import run_worker
from processors.runtime.masking import mask_text
from processors.runtime.phases import Phases
from schemas.errors import Exit


@pytest.fixture
def health() -> Iterator[tuple[Health, str]]:
    said = Health("intake", stalled_after=60)
    server = HealthServer(said, "127.0.0.1", 0)
    yield said, server.url
    server.close()


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    set_up("info", "json", worker="intake")
    yield written
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - our own http URL
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_a_worker_that_is_not_ready_says_why(health: tuple[Health, str]) -> None:
    said, url = health
    assert get(f"{url}/readyz") == (503, '{"ok": false, "worker": "intake", "reason": "starting"}')
    said.become(None)
    assert get(f"{url}/readyz")[0] == 200
    said.become("paused: 50 unreadable records in a row")
    assert "50 unreadable" in get(f"{url}/readyz")[1]


def test_a_loop_that_stands_still_is_dead(health: tuple[Health, str]) -> None:
    said, url = health
    assert get(f"{url}/healthz")[0] == 200
    said._turned -= 61
    assert get(f"{url}/healthz")[0] == 503
    said.beat()
    assert get(f"{url}/healthz")[0] == 200


class Terminal(io.StringIO):
    """Where a person reads."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("stream", "is_json"), [(io.StringIO(), True), (Terminal(), False)])
def test_a_log_is_json_unless_a_terminal_reads_it(
    stream: io.StringIO, is_json: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", stream)
    set_up("info", "auto", worker="intake")
    log().warning("dead_letter", topic="orders", partition=3, offset=7, trace_id=None)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    line = stream.getvalue()
    assert line.startswith("{") is is_json
    assert "trace_id" not in line, "a record without a trace has no field for it"
    assert all(name in line for name in ("topic", "partition", "offset"))


def test_metrics_are_served_and_nothing_else(health: tuple[Health, str]) -> None:
    _, url = health
    status, text = get(f"{url}/metrics")
    assert status == 200
    assert 'points_worker_up{worker="intake"} 1.0' in text
    assert get(f"{url}/metrics/more")[0] == 404
    assert get(f"{url}/")[0] == 404


def test_balancers_may_ask_for_the_head_alone(health: tuple[Health, str]) -> None:
    said, url = health
    for ready, status in ((None, 200), ("paused", 503)):
        said.become(ready)
        for page, expected in (
            ("/readyz", status),
            ("/healthz", 200),
            ("/metrics", 200),
            ("/", 404),
        ):
            connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=5)
            connection.request("HEAD", page)
            answer = connection.getresponse()
            assert (answer.status, answer.read()) == (expected, b"")
            assert int(answer.headers["Content-Length"]) > 0
            connection.close()


@pytest.mark.parametrize("host", ["nosuch.invalid", "256.1.1.1", "a..b", "192.0.2.1"])
def test_a_host_that_is_no_address_is_told_by_its_variable(
    host: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """192.0.2.1 is an address, and of no machine."""
    configuration = Configuration.model_validate(
        {
            "kafka": {"bootstrap_servers": "nowhere"},
            "database": {"url": "postgresql://nowhere/points"},
            "metrics": {"host": host, "port": 0},
        }
    )
    try:
        assert run_worker("grants", Grants.create, configuration) == Exit.USAGE
    finally:
        structlog.reset_defaults()
        structlog.contextvars.clear_contextvars()
    assert "POINTS_METRICS__HOST" in capsys.readouterr().err


@pytest.mark.parametrize("host", ["::1", "[::1]"])
def test_an_address_of_ipv6_is_served_on(host: str) -> None:
    if not _has_ipv6():
        pytest.skip("this machine has no IPv6")
    configured = MetricsConfiguration(host=host)
    server = HealthServer(Health("grants", 60), configured.host, 0)
    try:
        assert server.url.startswith("http://[::1]:")
        with urllib.request.urlopen(f"{server.url}/healthz", timeout=5) as answer:  # noqa: S310 - our own
            assert answer.status == 200
    finally:
        server.close()


def _has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


def test_every_metric_is_ours_by_name_and_has_no_label_that_grows() -> None:
    allowed = {"worker", "pipeline", "topic", "outcome", "reason", "bucket", "type", "kind", "le"}
    allowed |= {"version", "schema_revision", "phase", "event", "part", "invariant"}
    allowed |= {"channel", "provider", "service", "meaning", "code"}  # closed sets
    for family in metrics.REGISTRY.collect():
        assert family.name.startswith(("points_", "process_"))
        assert family.documentation
        for sample in family.samples:
            assert set(sample.labels) <= allowed


def test_a_histogram_takes_a_batch_at_once() -> None:
    one = Histogram("points_test_seconds", "For this test.", (0.1, 1.0))
    try:
        one.observe_all([0.05, 0.1, 0.5, 7.0])
        one.observe(0.2)
        text = generate_latest(metrics.REGISTRY).decode()
    finally:
        metrics.REGISTRY.unregister(one)
    assert 'points_test_seconds_bucket{le="0.1"} 2.0' in text
    assert 'points_test_seconds_bucket{le="1.0"} 4.0' in text
    assert 'points_test_seconds_bucket{le="+Inf"} 5.0' in text
    assert "points_test_seconds_count 5.0" in text
    assert "points_test_seconds_sum 7.85" in text


def test_a_bucket_keeps_one_exemplar_of_its_slowest_with_a_trace() -> None:
    one = Histogram("points_test_seconds", "For this test.", (0.1, 1.0))
    traces = [None, b"00-%032x-%016x-01" % (2, 1), None, b"00-%032x-%016x-01" % (4, 1)]
    try:
        one.observe_all([0.05, 0.2, 0.9, 7.0], traces.__getitem__)
        (family,) = one.collect()
    finally:
        metrics.REGISTRY.unregister(one)
    kept = [s.exemplar for s in family.samples if s.name.endswith("_bucket")]
    assert [(e.labels["trace_id"][-1], e.value) if e else None for e in kept] == [
        None,
        ("2", 0.2),
        ("4", 7.0),
    ]


def test_a_gauge_that_was_never_set_says_nothing() -> None:
    one = gauge("points_test_rows", "For this test.")
    try:
        assert metrics.REGISTRY.get_sample_value("points_test_rows") is None
        one.set(0)
        assert metrics.REGISTRY.get_sample_value("points_test_rows") == 0
        one.clear()
        assert metrics.REGISTRY.get_sample_value("points_test_rows") is None
    finally:
        metrics.REGISTRY.unregister(one)


def test_a_page_shows_what_its_kind_computes() -> None:
    metrics.DUE_ROWS.set(0)
    names = {family.name for family in Exposition("intake").collect()}
    assert "points_due_rows" not in names
    assert {"points_lag_messages", "points_worker_up"} <= names


ROUNDING = 1e-6
"""Seconds that sums of counters may lose."""


def test_the_phases_are_all_of_the_loops_time() -> None:
    def spent() -> dict[str, float]:
        of = metrics.LOOP_SECONDS.labels
        return {name: of(name)._value.get() for name in ("poll", "decide", "database", "produce")}

    before = spent()
    began = time.perf_counter()
    phases = Phases()
    with phases.spending("poll"):
        time.sleep(0.02)
    time.sleep(0.01)
    phases.turned(None)
    took = {name: seconds - before[name] for name, seconds in spent().items()}
    assert took["poll"] >= 0.02 - ROUNDING
    assert took["decide"] >= 0.01 - ROUNDING
    assert took["database"] == took["produce"] == 0
    assert sum(took.values()) <= time.perf_counter() - began + ROUNDING


def test_names_that_shops_make_up_share_sixteen_labels() -> None:
    assert option_bucket("custom") == "known"
    made_up = {option_bucket(f"our van {n}") for n in range(500)}
    assert len(made_up) == 16
    assert all(bucket.startswith("unknown_") for bucket in made_up)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("postgresql://points:s3cret@db/points", "postgresql://points:***@db/points"),
        ("host=db password=s3cret user=points", "host=db password=*** user=points"),
        ("host=db password='s3 cret' user=points", "host=db password=*** user=points"),
        ("failed to resolve host 's3cret@127.0.0.1'", "failed to resolve host '***'"),
        ('server at "s3cret@db", port 5432', 'server at "***", port 5432'),
        ("nothing to hide", "nothing to hide"),
    ],
)
def test_secrets_in_texts_are_masked(text: str, masked: str) -> None:
    assert mask_text(text) == masked


def test_a_line_holds_no_secret(lines: io.StringIO) -> None:
    log().info(
        "connected",
        url="postgresql://points:s3cret@db/points",
        sasl_password="s3cret",
        api_token="s3cret",
    )
    assert "s3cret" not in lines.getvalue()
    line = json.loads(lines.getvalue())
    assert (line["event"], line["worker"], line["level"]) == ("connected", "intake", "info")


def test_a_crash_is_told_with_its_place_and_in_one_line(lines: io.StringIO) -> None:
    try:
        raise psycopg.errors.NotNullViolation(
            "null value in column\nDETAIL:  Failing row contains (Mei-Ling Wang)"
        )
    except psycopg.Error as error:
        log().error("crashed", exc_info=error)
    line = json.loads(lines.getvalue())
    assert line["error"].startswith("NotNullViolation")
    assert "test_observability.py" in line["frames"][-1]
    assert "Mei-Ling" not in lines.getvalue()


def test_a_client_that_says_the_same_every_second_is_heard_once(lines: io.StringIO) -> None:
    for number in range(5):
        librdkafka_logger().warning(
            "FAIL [points#%d] [thrd:x]: refused (after %dms in state CONNECT)", number, number
        )
    assert len(lines.getvalue().splitlines()) == 1


@pytest.mark.parametrize(
    "value", ["\x1b]0;owned\x07", "\x9b2J", "a\u202eb", "a b\x1b[2J", "evil\n✓"]
)
@pytest.mark.parametrize("form", ["console", "json"])
def test_a_line_stays_a_line_and_acts_on_no_terminal(
    value: str, form: Literal["console", "json"], monkeypatch: pytest.MonkeyPatch
) -> None:
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    set_up("info", form, worker="intake")
    try:
        log().info("said", merchant=value)
    finally:
        structlog.reset_defaults()
        structlog.contextvars.clear_contextvars()
    assert written.getvalue().removesuffix("\n").isprintable()


def test_what_a_server_repeats_is_masked_in_reasons() -> None:
    error = psycopg.OperationalError(
        "failed to resolve host 's3cret@db': Name or service not known"
    )
    assert "s3cret" not in one_line(error)
    assert failure_of(error) is not None
    assert "s3cret" not in str(failure_of(error))
