"""The `points` command."""

import getpass
import signal
import time
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from processors.runtime.configuration import Configuration
from store import database, migrate

app = typer.Typer(no_args_is_help=True, add_completion=False)
settings_app = typer.Typer(no_args_is_help=True)
topics_app = typer.Typer(no_args_is_help=True)
app.add_typer(settings_app, name="settings")
app.add_typer(topics_app, name="topics")


@app.command("migrate")
def migrate_command() -> None:
    c = Configuration()
    migrate.upgrade((c.database.owner_url or c.database.url).get_secret_value())


@topics_app.command("apply")
def topics_apply() -> None:
    from confluent_kafka.admin import AdminClient, NewTopic
    from processors.runtime.kafka import common
    c = Configuration()
    admin = AdminClient(common(c.kafka, name="points-admin"))
    have = admin.list_topics(timeout=10).topics
    new = [NewTopic(n, c.kafka.partitions, c.kafka.replication_factor) for n in c.topics.model_dump().values() if n not in have]
    if new:
        for f in admin.create_topics(new).values():
            f.result()


@settings_app.command("apply")
def settings_apply(merchant: str, file: Path) -> None:
    from schemas.settings import load_settings
    from store import settings
    c = Configuration()
    con = database.connect(c.database.url.get_secret_value(), role=c.database.role)
    print(settings.apply(con, merchant, load_settings(file.read_bytes(), name=str(file)), getpass.getuser()))


@app.command("run")
def run(workers: Annotated[list[str], typer.Argument()]) -> None:
    c = Configuration()
    stop: list[int] = []
    signal.signal(signal.SIGTERM, lambda *_: stop.append(1))
    con = database.connect(c.database.url.get_secret_value(), role=c.database.role)
    name = workers[0]
    if name == "intake":
        from processors.intake import Intake, start_at
        from processors.runtime.feed import Feed
        feed = Feed(c.kafka, "intake", [c.topics.orders, c.topics.deliveries], lambda p, f: start_at(con, feed.cluster, p, f))
        w = Intake(c, feed, con)
        import cProfile, os
        prof = cProfile.Profile() if os.environ.get("PROFILE") else None
        from processors.runtime.garbage import Garbage
        Garbage()
        while not stop:
            ms = feed.batch(c.intake.batch, c.intake.wait_ms / 1000)
            if ms:
                if prof: prof.enable()
                w.process(ms)
                if prof: prof.disable()
        if prof: prof.dump_stats(os.environ["PROFILE"])
        feed.hint(); feed.close()
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
            if len(r.shards) < 4: r.take_shards()
            if r.turn() < 500:
                time.sleep(0.02)
