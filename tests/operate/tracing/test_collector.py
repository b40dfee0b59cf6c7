"""Real workers send their spans to a collector, as the standard variables say."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.support.engine import Engine, wait_for
from tests.support.upstream import hex_id, order

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SHOP = "shop-a"

pytestmark = pytest.mark.slow


class Collector:
    """A collector's HTTP end point: every span that it was sent, with its worker."""

    def __init__(self) -> None:
        self.spans: list[tuple[str, Any]] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                request = ExportTraceServiceRequest.FromString(body)
                for resource in request.resource_spans:
                    worker = next(
                        a.value.string_value
                        for a in resource.resource.attributes
                        if a.key == "points.worker"
                    )
                    for scope in resource.scope_spans:
                        collector.spans += [(worker, span) for span in scope.spans]
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def named(self, name: str) -> list[Any]:
        return [span for _, span in self.spans if span.name == name]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()
    yield made
    made.close()


def test_from_the_order_to_the_event_of_its_grant(engine: Engine, collector: Collector) -> None:
    engine.merchant(SHOP, pending_days=30)
    now = datetime.fromtimestamp(engine.value("SELECT points_now()") / 1e6, UTC)
    traced = {
        "POINTS_TRACING__ENABLED": "true",
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_EXPORTER_OTLP_COMPRESSION": "none",
        "OTEL_BSP_SCHEDULE_DELAY": "200",
    }
    workers = [engine.run(kind, **traced).wait_ready() for kind in ("intake", "grants", "relay")]
    header = ("traceparent", f"00-{TRACE}-{PARENT}-01".encode())
    record = order(SHOP, hex_id("o"), hex_id("m"), 1000, delivery="arrived", at=now)
    engine.produce([record._replace(headers=(header,))])
    engine.wait_consumed(1)
    process = f"process {engine.topics['orders']}"
    wait_for("the order's span", lambda: collector.named(process))
    engine.move_clock(timedelta(days=32).total_seconds())
    engine.wait_published()
    send = f"send {engine.topics['points_changed']}"
    wait_for("the event's span", lambda: collector.named(send))
    wait_for("the grant's span", lambda: collector.named("grant"))

    (processed,), (granted,), (sent,) = map(collector.named, (process, "grant", send))
    assert (processed.trace_id.hex(), processed.parent_span_id.hex()) == (TRACE, PARENT)
    assert (processed.trace_id, processed.span_id) in [
        (link.trace_id, link.span_id) for link in granted.links
    ]
    assert granted.trace_id != processed.trace_id
    assert (sent.trace_id, sent.parent_span_id) == (granted.trace_id, granted.span_id)
    (event,) = engine.events()
    traceparent = dict(event.headers())["traceparent"].decode().split("-")
    assert traceparent[1:3] == [granted.trace_id.hex(), granted.span_id.hex()]
    assert {worker for worker, _ in collector.spans} == {"intake", "grants", "relay"}
    assert [worker.terminate() for worker in workers] == [0, 0, 0]


def test_a_collector_that_is_away_holds_up_nothing(engine: Engine) -> None:
    engine.merchant(SHOP)
    worker = engine.run(
        "intake",
        POINTS_TRACING__ENABLED="true",
        POINTS_TRACING__SAMPLE="1",
        OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9",
        OTEL_EXPORTER_OTLP_TIMEOUT="1",
        OTEL_BSP_SCHEDULE_DELAY="100",
    ).wait_ready()
    engine.produce(
        [order(SHOP, hex_id("o", n), hex_id("m"), 1000, delivery="arrived") for n in range(50)]
    )
    engine.wait_consumed(50)
    wait_for("said in the log", lambda: worker.lines("tracing"))
    assert worker.get("/readyz")[0] == 200
    assert worker.terminate() == 0
