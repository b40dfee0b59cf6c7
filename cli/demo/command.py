"""`points demo`: plays ten sample days of three invented shops on Kafka and PostgreSQL."""

import signal
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated

import typer

from cli.support.errors import Exit, Failure

if TYPE_CHECKING:
    from cli.demo.engine import Engine
    from cli.demo.outcome import Results
    from cli.demo.screen import Screen
    from cli.demo.site import Servers, Site
    from cli.demo.story import Story

PACE_SECONDS = 0.7
"""Seconds that a step stays the newest: time to read it."""
NOTHING_NEW = ((None, "waiting"), ("none", "none"))
"""States of an order before and after a step that are not worth a line."""
INTERRUPTED = 130
EXAMPLE = "mis-scan"
"""The order with the most to explain."""


def demo_command(
    keep: Annotated[
        bool,
        typer.Option(
            "--keep", help="Leave database and topics of the sample on the stack of `make up`."
        ),
    ] = False,
    pace: Annotated[
        float,
        typer.Option(
            "--pace", help="Seconds a step takes at least; 0 is as fast as it goes.", min=0
        ),
    ] = PACE_SECONDS,
) -> None:
    """Play ten sample days: orders in, points out, and a summary of who got what, when and why.

    It starts what it needs and stops it again, and plays in a database and topics of its own.
    """
    # All three stop it in order; a shell may have started it with SIGINT ignored.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    began = time.monotonic()
    ending = ExitStack()
    try:
        _Run(ending, keep=keep, pace=pace).run(began)
    except KeyboardInterrupt:
        typer.echo("\ninterrupted: stopping what was started", err=True)
        _end(ending)
        raise typer.Exit(INTERRUPTED) from None
    finally:
        _end(ending)


def _end(ending: ExitStack) -> None:
    # What is being stopped in order must not be left half stopped by a second Ctrl-C.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        ending.close()
    finally:
        signal.signal(signal.SIGINT, before)


class _Run:
    """One run of the command."""

    def __init__(self, ending: ExitStack, *, keep: bool, pace: float) -> None:
        from cli.demo.screen import Screen
        from cli.demo.story import load_story

        self._ending, self._keep, self._pace = ending, keep, pace
        self._screen, self._story = Screen(), load_story()

    def run(self, began: float) -> None:
        """All of it."""
        screen = self._screen
        _introduce(screen, self._story)
        site = self._site(self._servers())
        got = self._day(site)
        self._finish(site, got, began)

    def _servers(self) -> "Servers":
        from cli.demo.site import FETCHED_BYTES, fetch_kafka, must_fetch_kafka, servers

        if must_fetch_kafka():
            with self._screen.phase(
                "Fetching Apache Kafka with Maven, once", total=FETCHED_BYTES
            ) as advance:
                fetch_kafka(advance)
        with (
            self._screen.phase("starting the servers"),
            self._screen.noting("Starting Kafka"),
        ):
            chosen = servers(self._ending)
        if self._keep and not chosen.stay:
            raise Failure(
                Exit.USAGE,
                "--keep needs servers that stay",
                "start them with `make up`, and run it again",
            )
        return chosen

    def _site(self, chosen: "Servers") -> "Site":
        from cli.demo.engine import preparations
        from cli.demo.site import prepare

        site = prepare(self._ending, chosen, keep=self._keep)
        topics = f"topics named {site.prefix}…" if site.prefix else "topics by their usual names"
        self._screen.print_folded(
            f"[dim]on {chosen.words}: a fresh database {site.database}, {topics}[/]", indent=4
        )
        for what, act in preparations(site, self._story):
            with self._screen.phase(what):
                act()
        return site

    def _day(self, site: "Site") -> "Results":
        from cli.demo.engine import Engine, WorkerTree
        from cli.demo.outcome import results

        workers = WorkerTree(site)
        self._ending.callback(workers.stop)
        with self._screen.phase("points run all", total=len(workers.kinds)) as advance:
            workers.wait_ready(advance)
        engine = self._ending.enter_context(Engine(site, workers))
        self._play(site, engine)
        return results(site, self._story, engine)

    def _play(self, site: "Site", engine: "Engine") -> None:
        from cli.demo.outcome import explained
        from store.postgres import session

        self._screen.say()
        states: dict[str, str] = {}
        with (
            session.connect(site.database_url, name="points-demo", tuned=False) as connection,
            self._screen.day(self._story) as day,
        ):
            day.update(engine.reader.read(), 0)
            for step in self._story.steps:
                before, began = len(engine.events), time.monotonic()
                day.begins(step)
                engine.play(step, day)
                announced = {event["order_id"] for event in engine.events[before:]}
                outcomes = [explained(connection, order) for order in step.orders]
                # An event or a new order that waits as all do needs no further line.
                day.decided(
                    [
                        outcome
                        for outcome in outcomes
                        if outcome.order.id not in announced
                        and (states.get(outcome.order.id), outcome.explained.state)
                        not in NOTHING_NEW
                    ]
                )
                states |= {outcome.order.id: outcome.explained.state for outcome in outcomes}
                time.sleep(max(0.0, began + self._pace - time.monotonic()))

    def _finish(self, site: "Site", got: "Results", began: float) -> None:
        from cli.demo.outcome import deviations
        from cli.demo.summary import show

        show(self._screen.console, self._story, got)
        wrong = deviations(self._story, got)
        with self._screen.phase("stopping everything that was started"):
            _end(self._ending)
        if wrong:
            raise Failure(
                Exit.UNEXPECTED,
                ["the sample days did not come out as their files expect:", *wrong],
                "please report this",
            )
        orders, spent = len(self._story.orders), time.monotonic() - began
        self._screen.say(
            f"[green]✓[/] All {orders} orders came out as cli/demo/data/story.yaml expects. "
            f"[dim]{spent:.0f} s[/]"
        )
        self._next(site, got)

    def _next(self, site: "Site", got: "Results") -> None:
        from cli.demo.site import keep_environment

        orders = [outcome.order for outcome in got.outcomes]
        example = next(order for order in orders if order.key == EXAMPLE)
        explain = f"points explain {example.shop.id} {example.id}"
        self._screen.say("\n[bold]To try next[/]")
        if self._keep:
            file = keep_environment(site)
            self._screen.say(f"  source {file}\n  .venv/bin/{explain}\n  .venv/bin/points status")
            return
        self._screen.say(
            "  make up                        [dim]Kafka, PostgreSQL and Valkey until make down[/]"
        )
        self._screen.say(
            "  .venv/bin/points demo --keep   [dim]these days on them; the data stay[/]"
        )
        self._screen.say("  source .local/demo.env")
        self._screen.say(f"  .venv/bin/{explain}")


def _introduce(screen: "Screen", story: "Story") -> None:
    screen.say(
        "\n[bold]Member Points[/]: ten days of three invented shops, on Kafka and PostgreSQL."
    )
    for shop in story.shops:
        screen.print_folded(f"[bold]{shop.name}[/] [dim]{shop.where}[/]", indent=2)
    screen.print_folded(
        "[dim]The clock of the sample's own database jumps, so that three days pass in a moment.[/]"
    )
    screen.say("[dim]▶ is an event that was read back from points.changed.v1.[/]\n")
