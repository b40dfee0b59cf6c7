"""`points run`: one worker in this process."""

import signal
import time

from processors.runtime.configuration import Configuration
from store import database


def run_command(workers: list[str]) -> None:
    """Runs one worker until SIGTERM."""
    c = Configuration()
    stop: list[int] = []
    signal.signal(signal.SIGTERM, lambda *_: stop.append(1))
    con = database.connect(c.database.url.get_secret_value(), role=c.database.role)
    name = workers[0]
    if name == "intake":
        from processors.intake import Intake, start_at
        from processors.runtime.feed import Feed

        feed = Feed(
            c.kafka, "intake", [c.topics.orders, c.topics.deliveries], lambda p, f: start_at(con, feed.cluster, p, f)
        )
        w = Intake(c, feed, con)
        while not stop:
            ms = feed.batch(c.intake.batch, c.intake.wait_ms / 1000)
            if ms:
                w.process(ms)
        feed.hint()
        feed.close()
    elif name == "grants":
        from processors.grants import Grants

        g = Grants(con)
        while not stop:
            if not g.turn().claimed:
                time.sleep(0.1)
    elif name == "relay":
        from processors.relay import Relay

        r = Relay(c, con)
        while not stop:
            if len(r.shards) < 4:
                r.take_shards()
            if not r.turn():
                time.sleep(0.01)
