"""The `points` command."""

import getpass
from pathlib import Path

import typer

from cli.run import run_command
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


app.command("run")(run_command)
