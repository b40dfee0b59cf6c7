"""Whatever is typed or stored: commands end in a sentence, and nothing acts on the terminal."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.errors import Exit
from schemas.printable import printable_lines
from tests.support.account.desk import BEGIN, SHOP, Desk
from tests.support.commands import Ran, points
from tests.support.in_process import InProcessEngine
from tests.support.upstream import hex_id, order

EVIL = "\x1b]0;owned\x07\x1b[2J\x9b\u202eevil\n✓ all is well"
LARGE = (str(2**31), str(2**63), "99999999999999999999", "-99999999999999999999")
READS = (
    ("balance", "{}", "{}"),
    ("history", "{}", "{}"),
    ("explain", "{}", "{}"),
    ("quote", "{}", "{}", "/dev/null"),
    ("settings", "show", "{}"),
    ("settings", "log", "{}"),
    ("compare-upstream", "{}"),
    ("campaign", "list", "{}", "--language", "{}"),
    ("campaign", "show", "{}", "{}"),
    ("campaign", "live", "{}", "--at", "{}"),
    ("campaign", "remove", "{}", "{}"),
    ("campaign", "log", "{}", "{}"),
    ("carriers", "show", "{}", "{}"),
    ("member", "assign", "{}", "{}", "{}", "--reason", "{}", "--command-id", "{}"),
    ("bulk", "assign", "{}", "/dev/null", "--reason", "{}", "--job", "{}", "--by", "{}"),
    ("bulk", "list", "{}"),
    ("bulk", "show", "{}", "{}"),
    ("bulk", "rows", "{}", "{}"),
    ("bulk", "resume", "{}", "{}"),
    ("bulk", "cancel", "{}", "{}"),
    ("bulk", "approve", "{}", "{}", "--by", "{}"),
    ("bulk", "undo", "{}", "{}", "--reason", "{}"),
    ("notices", "settings", "show", "{}"),
    ("notices", "settings", "log", "{}"),
    ("notices", "preview", "{}", "--kind", "earned", "--language", "{}", "--price", "{}"),
    ("notices", "list", "{}", "{}", "--limit", "{}"),
    ("notices", "show", "{}"),
    ("notices", "unknown", "list", "{}"),
    ("notices", "unknown", "resolve", "{}", "--as", "{}"),
    ("notices", "resend", "{}"),
    ("notices", "optout", "add", "{}", "{}", "--channel", "sms"),
    ("notices", "optout", "list", "{}", "{}"),
    ("notices", "usage", "{}", "--month", "{}"),
    ("notices", "erase", "{}", "{}"),
    ("notices", "pause", "{}", "--by", "{}"),
    ("notices", "resume", "{}"),
    ("notices", "dlq", "show", "{}"),
    ("notices", "outbox", "retry", "{}"),
)


@pytest.fixture
def shop(in_process: InProcessEngine) -> dict[str, str]:
    """A shop, an order and a member whose ids act on terminals."""
    in_process.consume(order(EVIL, EVIL, EVIL, 1000), order("shop-a", EVIL, EVIL, 1000))
    return {
        "POINTS_DATABASE__URL": in_process.database_url,
        "POINTS_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1",
    }


def is_expected(ran: Ran) -> bool:
    written = ran.out + ran.err
    forged = any(line.lstrip(" │").startswith("✓ all is well") for line in written.splitlines())
    return (
        ran.code != Exit.UNEXPECTED
        and "unexpected" not in ran.err
        and written == printable_lines(written)
        and not forged
    )


def test_ids_from_outside_act_on_no_terminal(shop: dict[str, str]) -> None:
    for command in READS:
        ran = points(shop, *(part.format(EVIL) for part in command))
        assert is_expected(ran), (command, ran)
        ran = points(shop, *(part.format(EVIL) for part in command), "--json")
        assert is_expected(ran), (command, ran)
    ran = points(shop, "doctor")
    assert "evil" in ran.out
    assert is_expected(ran), ran


def test_numbers_beyond_the_columns_are_not_found(shop: dict[str, str]) -> None:
    for number in LARGE[:3]:
        assert points(shop, "dlq", "show", number).code == Exit.NOT_FOUND
        assert points(shop, "dlq", "discard", number).code == Exit.NOT_FOUND
        assert points(shop, "history", "shop-a", hex_id("m"), "--after", number, "--json").code in {
            Exit.OK,
            Exit.NOT_FOUND,
        }
        assert points(shop, "settings", "show", EVIL, "--version", number).code == Exit.NOT_FOUND
        for form in ((), ("--json",)):
            assert points(shop, "expiring", EVIL, "--limit", number, *form).code == Exit.OK


def test_a_limit_may_be_larger_than_any_list(shop: dict[str, str]) -> None:
    desk = Desk(shop["POINTS_DATABASE__URL"])
    desk.clock(BEGIN)
    desk.settle_in(SHOP)
    desk.do("bulk_assign", job_id="june")
    desk.close()
    for command in (("expiring", SHOP, "--days", "36500"), ("bulk", "rows", SHOP, "june")):
        for number in LARGE[:3]:
            for more in ((), ("--json",)):
                ran = points(shop, *command, "--limit", number, *more)
                assert ran.code == Exit.OK, (command, ran)


TYPED = st.one_of(st.text(st.characters(), max_size=120), st.sampled_from([*LARGE, EVIL, "", "-"]))


@pytest.mark.slow
def test_whatever_is_typed_ends_in_a_sentence(shop: dict[str, str]) -> None:
    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        command=st.sampled_from(
            [
                *READS,
                ("quote", "shop-a", "{}", "/dev/null", "--points", "{}"),
                ("dlq", "show", "{}"),
                ("dlq", "discard", "{}"),
                ("settings", "show", "shop-a", "--version", "{}"),
                ("history", "shop-a", "{}", "--after", "{}", "--limit", "{}"),
                ("settings", "apply", "{}", "/dev/null", "--by", "{}", "--if-version", "{}"),
                ("carriers", "set", "{}", "{}", "{}", "{}", "--note", "{}"),
                ("carriers", "parked", "--limit", "{}"),
                ("cursor", "adopt", "--from", "{}", "--partition", "{}"),
                ("resume", "{}"),
                ("run", "{}", "--intakes", "{}"),
                ("{}", "{}"),
            ]
        ),
        typed=TYPED,
    )
    def check(command: tuple[str, ...], typed: str) -> None:
        ran = points(shop, *(part.format(typed) for part in command))
        assert is_expected(ran), (command, typed, ran)

    check()
