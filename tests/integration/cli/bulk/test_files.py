"""`points bulk`: files of members who are given points (account.md 7)."""

import orjson
import pytest

from schemas.commands.reading import read
from store.streams.outbox import OutboxKind
from tests.support.account.desk import NEXT_YEAR, SHOP, Desk
from tests.support.account.jobs import JobDesk
from tests.support.servers import Databases


def test_every_row_of_a_file_is_an_entry_of_its_own(jobs: JobDesk) -> None:
    file = jobs.file("member_id,points,reason\nann,100,\nbea,50,well done\n")
    assert jobs.assign(file, "--json").json == {
        "job_id": "june",
        "state": "done",
        "total_count": 2,
        "successful_count": 2,
        "failed_count": 0,
        "points": 150,
    }
    assert jobs.rows() == [
        {
            "row": row,
            "member_id": member,
            "points": points,
            "outcome": "applied",
            "code": "ok",
            "sequence": 1,
        }
        for row, member, points in ((2, "ann", 100), (3, "bea", 50))
    ]
    assert jobs.entries("ann") == [("assigned", 100, 1)]
    notes = jobs.desk.rows("SELECT reason FROM entry_note ORDER BY account_no")
    assert notes == [("thanks",), ("well done",)]


def test_rows_are_on_the_topic_as_commands_that_the_worker_meets_as_repeats(jobs: JobDesk) -> None:
    jobs.assign(jobs.members(2))
    published = jobs.topic(OutboxKind.COMMAND)
    assert [(one["command_id"], one["x_job"], one["x_origin"]) for one in published] == [
        ("job:june:m1", "june", "cli"),
        ("job:june:m2", "june", "cli"),
    ]
    answers = jobs.topic(OutboxKind.COMMAND_RESULT)
    assert [(answer["code"], answer["repeated"]) for answer in answers] == [("ok", False)] * 2
    for command, answer in zip(published, answers, strict=True):
        again = jobs.desk.published(orjson.dumps(command))
        assert again == answer | {"repeated": True}
    assert jobs.entries("m1") == [("assigned", 10, 1)]


def test_the_worker_of_a_replay_makes_the_same_entries(jobs: JobDesk, postgres: Databases) -> None:
    long = "m" * 100
    jobs.assign(jobs.file(f"member_id,points\nann,10\na:b,20\n{long},30\n"), job="j" * 100)
    url = postgres.migrated()
    replayed = Desk(url, "replay").open()
    for command in jobs.topic(OutboxKind.COMMAND):
        assert replayed.published(orjson.dumps(command))["code"] == "ok"
    ledger = "SELECT event_id, convert_from(cause_id, 'UTF8'), points FROM ledger ORDER BY points"
    entries = jobs.desk.rows(ledger)
    assert replayed.rows(ledger) == entries
    assert {cause for _, cause, _ in entries} == {"j" * 100}
    replayed.close()
    postgres.drop(url)


def test_a_row_has_the_fingerprint_of_the_record_that_is_published(jobs: JobDesk) -> None:
    jobs.assign(jobs.members(1))
    ((kept,),) = jobs.desk.rows("SELECT fingerprint FROM command")
    assert read(orjson.dumps(jobs.topic(OutboxKind.COMMAND)[0])).fingerprint == kept


def test_the_same_file_again_is_the_same_job_and_another_one_is_refused(jobs: JobDesk) -> None:
    file = jobs.members(3)
    first = jobs.assign(file, "--json").json
    assert jobs.assign(file, "--json").json == first
    assert jobs.available("m1") == 10
    for changed in (jobs.members(4), jobs.members(3, 11)):
        ran = jobs.assign(changed)
        assert ran.code == 5
        assert "job_changed" in ran.err
    assert jobs.show() == first


def test_a_dry_run_makes_nothing(jobs: JobDesk) -> None:
    jobs.desk.do("assign", member_id="m1", points=1)
    ran = jobs.assign(jobs.members(3), "--dry-run", "--json")
    assert ran.json == {"rows": 3, "new_members": 2, "points": 30, "expires_at": NEXT_YEAR}
    assert jobs.bulk("list", SHOP, "--json").json == []
    assert jobs.available("m2") == 0


def test_points_may_be_the_same_for_all(jobs: JobDesk) -> None:
    jobs.assign(jobs.file("member_id\nann\nbea\n"), "--points", "7")
    assert jobs.available("bea") == 7


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        pytest.param(
            "member_id,points\nann\n", ["line 2: 1 cell instead of 2"], id="a cell too few"
        ),
        pytest.param('member_id,points\n"ann,5\nbea,6\n', ["line 2: a quotation"], id="a quote"),
        pytest.param("member_id,points,tier\nann,5,x\n", ["line 1: a column"], id="a column"),
        pytest.param("member_id\nann\n", ["line 1: points"], id="no points"),
        pytest.param("points\n5\n", ["line 1: member_id"], id="no members"),
        pytest.param("", ["line 1: no header"], id="empty"),
        pytest.param("member_id,points\n\n", ["line 1: no rows"], id="no rows"),
        pytest.param("member_id,points\n ann,5\n", ["line 2: member_id"], id="a bad id"),
        pytest.param(
            "member_id,points\na,0\nb,-1\nc,1.5\nd,1000000\ne,\n",
            [f"line {line}: points" for line in range(2, 7)],
            id="no points in a row",
        ),
        pytest.param(
            "member_id,points\nann,5\n\nbea,6\nann,7\n",
            [
                "line 2: member_id: the same as in line 5",
                "line 5: member_id: the same as in line 2",
            ],
            id="twice",
        ),
        pytest.param(
            f"member_id,points,reason\nann,5,{'x' * 51}\n", ["line 2: reason"], id="a long reason"
        ),
        pytest.param(b"member_id,points\n\xff,5\n", ["line 2: is not UTF-8"], id="no UTF-8"),
        pytest.param(
            "member_id,points\n" + "x" * 5000 + ",5\nann,x\n",
            ["line 2: longer than", "line 3: points"],
            id="a long line",
        ),
    ],
)
def test_a_file_with_problems_is_refused_as_a_whole(
    jobs: JobDesk, content: str | bytes, lines: list[str]
) -> None:
    file = jobs.file(content)
    for options in ((), ("--dry-run",)):
        ran = jobs.assign(file, *options)
        assert ran.code == 5
        assert ran.err.startswith("error: invalid_file: ")
        told = [line.strip() for line in ran.err.splitlines()[1:-1]]
        assert len(told) == len(lines)
        assert all(one.startswith(begins) for one, begins in zip(told, lines, strict=True)), told
    assert jobs.desk.rows("SELECT count(*) FROM job_line") == [(0,)]
    assert jobs.bulk("list", SHOP, "--json").json == []


def test_of_very_many_problems_a_hundred_are_shown(jobs: JobDesk) -> None:
    rows = "".join(f"m{number},0\n" for number in range(1_000))
    ran = jobs.assign(jobs.file(f"member_id,points\n{rows}"))
    assert "1,000 problems" in ran.err
    assert ran.err.count("  line ") == 100
    assert "and 900 more" in ran.err


def test_a_file_as_spreadsheets_write_it_is_taken(jobs: JobDesk) -> None:
    content = '\ufeffreason,points,member_id\r\n"well, done",5,ann\r\n\r\n,6,"b""e"\r\n'
    assert jobs.assign(jobs.file(content), "--json").json["successful_count"] == 2
    assert jobs.available('b"e') == 6


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--points", "0"), "invalid_points"),
        (("--points", "1000000"), "over_limit"),
        (("--points", "9" * 5000), "over_limit"),
        (("--points", "-1"), "invalid_points"),
        (("--points", "10.5"), "invalid_points"),
        (("--points", ""), "invalid_points"),
        (("--job", ""), "invalid_command"),
        (("--job", " june"), "invalid_command"),
        (("--job", "june:undo"), "invalid_command"),
        (("--job", "x" * 101), "invalid_command"),
        (("--by", "a\nb"), "invalid_command"),
        (("--by", ""), "invalid_command"),
        (("--reason", "x" * 51), "invalid_reason"),
        (("--reason", " "), "invalid_reason"),
    ],
)
def test_what_no_row_may_have_is_refused(
    jobs: JobDesk, options: tuple[str, ...], code: str
) -> None:
    ran = jobs.assign(jobs.members(1), *options)
    assert (ran.code, ran.err.startswith(f"error: {code}: ")) == (5, True), ran
    assert jobs.assign(jobs.members(1), *options, "--dry-run").code == 5
    assert jobs.bulk("list", SHOP, "--json").json == []


@pytest.mark.parametrize("points", ["0", "1000000", "10.5"])
def test_points_that_no_row_may_have_are_told_with_those_that_it_may(
    jobs: JobDesk, points: str
) -> None:
    ran = jobs.assign(jobs.members(1), "--points", points)
    assert "The points must be a whole number from 1 to 999,999." in ran.err


def test_what_is_not_there_is_not_found(jobs: JobDesk) -> None:
    assert jobs.bulk("assign", "nowhere", jobs.members(1), "--reason", "x").code == 6
    for command in ("show", "rows", "resume", "cancel", "approve"):
        assert jobs.bulk(command, SHOP, "nothing").code == 6
        assert jobs.bulk(command, "nowhere", "nothing").code == 6


def test_who_is_no_member_costs_the_others_nothing(jobs: JobDesk) -> None:
    jobs.desk.leave("m2")
    assert jobs.assign(jobs.members(3), "--json").json["failed_count"] == 1
    assert [row["code"] for row in jobs.rows()] == ["ok", "not_a_member", "ok"]
    assert [row["sequence"] for row in jobs.rows()] == [1, None, 1]
    refused = jobs.bulk("rows", SHOP, "june", "--refused", "--json").json
    assert [row["row"] for row in refused] == [3]


def test_rows_wait_where_the_feature_is_off(jobs: JobDesk) -> None:
    jobs.desk.settle_in(SHOP, enabled=False)
    ran = jobs.assign(jobs.members(1))
    assert (ran.code, "feature_off" in ran.err) == (5, True)
    assert jobs.bulk("list", SHOP, "--json").json == []


def test_a_job_of_commands_is_shown_as_well(jobs: JobDesk) -> None:
    jobs.desk.do("bulk_assign", job_id="july", members=["ann", "bea"], points=10)
    assert jobs.show("july") == {
        "job_id": "july",
        "state": "done",
        "total_count": 2,
        "successful_count": 2,
        "failed_count": 0,
        "points": 20,
    }
    assert [row["row"] for row in jobs.rows("july")] == [None, None]
    assert jobs.bulk("resume", SHOP, "july", "--json").json["state"] == "done"
    assert jobs.desk.code("bulk_assign", job_id="july", points=11) == "job_changed"


def test_commands_and_files_do_not_share_a_job(jobs: JobDesk) -> None:
    jobs.assign(jobs.members(1))
    assert jobs.desk.code("bulk_assign", job_id="june", members=["m1"], points=10) == "job_changed"
    jobs.desk.do("bulk_assign", job_id="july", members=["m1"], points=10)
    assert "job_changed" in jobs.assign(jobs.members(1), job="july").err
