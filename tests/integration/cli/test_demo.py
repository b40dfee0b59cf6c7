"""The sample days come out as their files expect.

And the command leaves nothing behind that it made.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import psutil
import psycopg
import pytest
from confluent_kafka.admin import AdminClient
from sqlalchemy import make_url

from cli.demo.engine import prepare_engine, working
from cli.demo.figures import Figures
from cli.demo.notices import Notice, Told, environment_of_lane
from cli.demo.outcome import Results, deviations, results
from cli.demo.site import Site, environment_of
from cli.demo.story import Story, load_story
from deploy.local.sinks.process import SinksProcess
from deploy.local.stack import Stack
from schemas.ids import instant
from tests.support.machine.inherited import inherited
from tests.support.servers import Databases

TAIPEI = ZoneInfo("Asia/Taipei")
CHANNELS = ("email", "sms")
pytestmark = pytest.mark.slow


class Silent:
    """Looks on and says nothing. `seen`: changes of notices, each with its step's moment."""

    def __init__(self) -> None:
        self.at = ""
        self.seen: list[tuple[str, Notice]] = []
        self.mails: list[Told] = []

    def event_read(self, event: dict[str, Any]) -> None:
        """Nothing."""

    def answer_read(self, answer: dict[str, Any]) -> None:
        """Nothing."""

    def told(self, news: Sequence[Told]) -> None:
        """Keeps it."""
        self.seen += [(self.at, each.notice) for each in news]
        self.mails += [each for each in news if each.subject]

    def update(self, figures: Figures, events: int) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def story() -> Story:
    return load_story()


@pytest.fixture(scope="module")
def watched() -> Silent:
    return Silent()


@pytest.fixture(scope="module")
def played(
    stack: Stack,
    postgres: Databases,
    story: Story,
    watched: Silent,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Results]:
    url, prefix = postgres.database(), f"demo-{os.getpid()}."
    environment = environment_of(stack.bootstrap_servers, url, prefix, inherited())
    folder = tmp_path_factory.mktemp("demo")
    with SinksProcess() as sinks:
        environment |= environment_of_lane(folder, sinks)
        site = Site(environment, url, "", prefix, folder, sinks)
        prepare_engine(site, story)
        with working(site) as engine:
            for step in story.steps:
                watched.at = f"{instant(step.at).astimezone(TAIPEI):%m-%d %H:%M}"
                engine.play(step, watched)
            yield results(site, story, engine)


def points_of(played: Results, key: str) -> tuple[str, int, tuple[str, ...]]:
    """State, points posted and entries of an order."""
    one = next(one for one in played.outcomes if one.order.key == key)
    return one.explained.state, one.explained.view.granted, one.entries


def dues(played: Results) -> dict[str, str]:
    """The due days of what was granted."""
    return {outcome.order.key: str(outcome.as_expected.due) for outcome in played.outcomes}


def test_the_day_comes_out_as_its_files_expect(story: Story, played: Results) -> None:
    assert deviations(story, played) == []


def test_another_expectation_is_noticed(story: Story, played: Results) -> None:
    wrong = replace(story, expect={**story.expect, "dead": 2})
    assert deviations(wrong, played) == [
        "records applied: 100, expected 99",
        "records dead: 1, expected 2",
    ]
    first, *others = played.outcomes
    order = replace(first.order, expect=replace(first.order.expect, points=99))
    changed = replace(played, outcomes=(replace(first, order=order), *others))
    assert deviations(story, changed) == ["order door: points is 100, expected 99"]
    strange = replace(story, unknown=())
    assert deviations(strange, played) == [
        "unknown codes: ('ninja_van v2 Held at Partner Store',), expected ()"
    ]
    assert deviations(story, replace(played, parked=1)) == [
        "1 reports found no order, expected none"
    ]
    lost = replace(played, events=played.events[:-1])
    assert deviations(story, lost)[0] == "39 ledger entries, but 38 events with 38 ids"


def test_a_parcel_earns_when_it_is_collected_and_not_while_it_waits(played: Results) -> None:
    assert points_of(played, "pick-up") == ("granted", 68, ("granted +68",))
    assert points_of(played, "unfetched") == ("waiting", 0, ())


def test_what_carriers_say_is_final_before_the_platform_says_so(played: Results) -> None:
    assert points_of(played, "carrier-first") == ("granted", 86, ("granted +86",))
    assert points_of(played, "hct") == ("granted", 115, ("granted +115",))
    keys = ("carrier-first", "family", "hct", "i-box", "sf-locker")
    assert [dues(played)[key] for key in keys] == [
        "2024-12-05",
        "2024-12-06",
        "2024-12-06",
        "2024-12-06",
        "2024-12-05",
    ]


def test_a_mistaken_scan_is_taken_back_and_the_next_one_earns_anew(played: Results) -> None:
    assert points_of(played, "mis-scan") == (
        "granted",
        54,
        ("granted +54", "clawed_back -54", "granted +54"),
    )
    assert dues(played)["mis-scan"] == "2024-12-08"


def test_a_report_before_its_order_finds_it_and_a_new_code_is_learnt(played: Results) -> None:
    assert (
        points_of(played, "before-its-order")[1],
        points_of(played, "new-code")[1],
        played.parked,
    ) == (33, 62, 0)
    assert [(code.code, code.text, code.reports) for code in played.unknown] == [
        ("Held at Partner Store", "Held at Partner Store", 1)
    ]


def test_a_split_child_earns_by_its_parents_rule_and_a_new_order_by_the_new_one(
    played: Results,
) -> None:
    assert [points_of(played, key)[1] for key in ("split", "split-off", "new-rule")] == [
        120,
        80,
        40,
    ]


def test_several_parcels_are_final_at_the_last(played: Results) -> None:
    assert (points_of(played, "parcels")[1], dues(played)["parcels"]) == (140, "2024-12-08")


def test_an_edit_and_a_return_after_the_grant_post_the_difference(played: Results) -> None:
    assert points_of(played, "edited-before") == ("granted", 98, ("granted +98",))
    assert points_of(played, "edited-after") == ("granted", 150, ("granted +200", "adjusted -50"))
    assert points_of(played, "returned-in-part") == (
        "granted",
        110,
        ("granted +150", "clawed_back -40"),
    )


def test_one_shop_takes_back_what_the_other_lets_keep(played: Results) -> None:
    assert points_of(played, "cancelled-after") == (
        "withdrawn",
        0,
        ("granted +60", "clawed_back -60"),
    )
    assert points_of(played, "kept") == ("granted", 49, ("granted +49",))


def test_who_earns_nothing_is_told_why(played: Results) -> None:
    why = {one.order.key: one.why for one in played.outcomes if not one.explained.view.granted}
    assert why["guest"] == "the order belongs to no member."
    assert why["dollars"] == "the order is in USD, the settings in TWD; it earns nothing."
    assert why["till"] == "created by pos: channel retail; only ec earns."
    assert why["unfetched"].startswith("Its status has been returned since 2024-12-10")
    assert why["registered-later"].endswith("after the order was made.")
    assert why["sent-back"].startswith("Not final: the carrier reported on 2024-12-04 18:00")
    assert "app not installed" in why["without-app"]


def test_points_are_given_held_captured_and_taken_for_a_gift(played: Results) -> None:
    answers = [(a["type"], a["code"]) for a in played.answers.values()]
    assert sorted(answers) == [
        ("assign", "ok"),
        ("capture", "ok"),
        ("capture", "ok"),
        ("hold", "insufficient_points"),
        ("hold", "ok"),
        ("hold", "ok"),
        ("hold", "ok"),
    ]
    by_command = [
        (event["type"], event["points"], event.get("held_points"), event["cause"]["kind"])
        for event in played.events
        if event["type"] in {"assigned", "held", "redeemed", "released"}
    ]
    assert sorted(by_command, key=str) == [
        ("assigned", 50, None, "command"),
        ("held", 0, 120, "command"),
        ("held", 0, 30, "command"),
        ("held", 0, 60, "command"),
        ("redeemed", -100, -100, "command"),
        ("redeemed", -60, -60, "command"),
        ("released", 0, -20, "command"),
        ("released", 0, -30, "hold_timeout"),
    ]


def test_another_answer_to_a_command_is_noticed(story: Story, played: Results) -> None:
    answers = {**played.answers, "sample-1": {**played.answers["sample-1"], "code": "feature_off"}}
    assert deviations(story, replace(played, answers=answers)) == [
        "sample-1 (assign): code is feature_off, expected ok"
    ]


def test_the_unreadable_record_is_the_only_dead_letter(played: Results) -> None:
    assert [letter.reason for letter in played.letters] == ["not_json"]
    assert played.records == {"applied": 100, "duplicate": 3, "ignored": 1, "parked": 1, "dead": 1}


def told(played: Results, alias: str, story: Story) -> list[tuple[Any, ...]]:
    """A member's notices: kind, channel, points, state, reason."""
    member = next(member.id for member in story.members if member.alias == alias)
    notices = played.notices or ()
    return [n[2:7] for n in notices if n.member_id == member]


def test_ann_is_told_of_both_grants_and_of_what_staff_gave(story: Story, played: Results) -> None:
    earned = [("earned", channel, n, "sent", None) for n in (100, 200) for channel in CHANNELS]
    assert sorted(told(played, "Ann", story), key=str) == sorted(
        [
            *earned,
            ("corrected", "email", -50, "skipped", "off"),
            *(("assigned", channel, 50, "sent", None) for channel in CHANNELS),
        ],
        key=str,
    )


def test_nobody_is_told_against_their_wish_or_without_an_address(
    story: Story, played: Results
) -> None:
    assert [mine[1:] for mine in told(played, "Ben", story)] == [
        ("email", 68, "sent", None),
        ("sms", 68, "skipped", "opted_out"),
        ("email", 120, "sent", None),
        ("sms", 120, "skipped", "opted_out"),
    ]
    assert told(played, "Eve", story)[:2] == [
        ("earned", "email", 60, "skipped", "no_address"),
        ("earned", "sms", 60, "skipped", "no_address"),
    ]


def test_at_night_sms_wait_and_a_provider_that_fails_loses_no_mail(
    story: Story, played: Results, watched: Silent
) -> None:
    assert played.notices
    names = [(step, story.member_named(n.member_id), n) for step, n in watched.seen]
    ann = [(step, n.state) for step, who, n in names if (who, n.channel) == ("Ann", "sms")]
    assert ann[:4] == [("12-04 00:00", "waiting")] * 2 + [("12-04 09:00", "sent")] * 2
    ben = [
        (step, n.state, n.reason is None)
        for step, who, n in names
        if (who, n.channel, n.points) == ("Ben", "email", 68)
    ]
    assert ben == [("12-06 00:00", "waiting", False), ("12-06 00:30", "sent", True)]


def test_the_mail_is_what_its_reader_sees(played: Results, watched: Silent) -> None:
    assert played.notices
    first = watched.mails[0]
    assert first.subject == "Lantern Tea: you earned points (+100)"
    assert "Dear Ann Madeup" in first.text
    assert "Points earned: 100" in first.text


def test_a_shop_owes_for_the_sms_that_were_sent(story: Story, played: Results) -> None:
    sms = [row for row in played.usage if row.channel == "sms"]
    assert [(row.merchant_id, row.provider, row.messages, row.parts) for row in sms] == [
        (story.shops[0].id, "mitake", 6, 6)
    ]


def test_another_end_of_notices_is_noticed(story: Story, played: Results) -> None:
    wrong = replace(story, told={**story.told, "sms sent": 7})
    assert deviations(wrong, played) == ["notices sms sent: 6, expected 7"]
    assert "notices by sms: 6 sent, 0 metered" in deviations(story, replace(played, usage=()))


def test_names_and_numbers_are_in_no_table_and_no_event(played: Results) -> None:
    assert (played.searched, played.leaks) == (66, ())


def test_the_command_plays_on_servers_of_others_and_leaves_nothing_there(stack: Stack) -> None:
    before, running = (set(topics(stack)), set(databases(stack))), children_beside(stack)
    environment = inherited() | stack.environment()
    command = [sys.executable, "-m", "cli", "demo", "--pace", "0"]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=360, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the first mail, as Ann reads it" in done.stdout
    assert "Lantern Tea: 6 messages of 6 parts in all, by mitake" in done.stdout
    assert re.search(r"All 32 orders came out as .* expects", done.stdout)
    assert "the environment's Kafka and PostgreSQL" in done.stdout
    assert str(make_url(stack.database_url).password) not in done.stdout + done.stderr
    # What others were still deleting may be gone by now; nothing may have come.
    assert set(topics(stack)) <= before[0]
    assert set(databases(stack)) <= before[1]
    assert children_beside(stack) <= running


def children_beside(stack: Stack) -> set[psutil.Process]:
    """What was started below us, without the run's servers, whose own processes come and go."""
    servers = {process.pid for process in stack.processes}
    ours = set()
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if servers.isdisjoint({child.pid, *(parent.pid for parent in child.parents())}):
                ours.add(child)
    return ours


def topics(stack: Stack) -> list[str]:
    """Names of the topics in the run's broker, but for its own, which the first group makes."""
    client = AdminClient({"bootstrap.servers": stack.bootstrap_servers})
    return [name for name in client.list_topics(timeout=10).topics if not name.startswith("__")]


def databases(stack: Stack) -> list[str]:
    """Names of the databases in the run's server."""
    with psycopg.connect(stack.database_url) as connection:
        return [row[0] for row in connection.execute("SELECT datname FROM pg_database").fetchall()]
