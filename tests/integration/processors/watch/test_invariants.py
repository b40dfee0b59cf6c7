"""What breaks an invariant is seen from outside, and until it is right again."""

from datetime import UTC, datetime

import psycopg
import pytest
from structlog.testing import capture_logs

from processors.watch import invariants
from processors.watch.invariants import Invariants
from schemas.packing import unpack_id
from store.postgres.session import raw
from tests.support.in_process import InProcessEngine
from tests.support.operate.watching import shown
from tests.support.parcels import M
from tests.support.upstream import hex_id, order


def violations() -> list[float | None]:
    return [shown("points_invariant_violations", invariant=name) for name in ("I2", "I7", "I9")]


def test_each_is_counted_until_it_is_right(
    in_process: InProcessEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(invariants, "ACCOUNTS", 2)
    at = datetime.now(UTC)
    in_process.consume(
        *(
            order(M, hex_id("o", n), hex_id("m", n), 100, delivery="arrived", at=at)
            for n in range(5)
        )
    )
    looking, cursor = Invariants(), raw(in_process.first.connection)
    for _ in range(4):
        looking.look(cursor)
        assert violations() == [0, 0, 0]
    with psycopg.connect(in_process.database_url) as other:
        other.execute(
            "UPDATE lot SET remaining = remaining - 1"
            " WHERE account_no = (SELECT max(account_no) FROM account)"
        )
        other.execute(
            "UPDATE account SET held = 7, available = available - 7"
            " WHERE account_no = (SELECT min(account_no) FROM account)"
        )
        other.execute("UPDATE cursor SET applied = applied + 1 WHERE applied = 5")
        # The notices lane's cursors are looked at as well.
        other.execute("INSERT INTO notices.cursor SELECT (c).* FROM cursor c")
    with capture_logs() as lines:
        for _ in range(4):
            looking.look(cursor)
    named = [(line["merchant_id"], line["member_id"]) for line in lines]
    accounts = in_process.rows("SELECT member FROM account ORDER BY account_no")
    members = [unpack_id(bytes(member)) for (member,) in accounts]
    # Each once, while it is in view.
    assert sorted(named) == sorted((M, member) for member in (members[0], members[-1]))
    # Its last entry says other points than the account with the hold that is none.
    assert violations() == [2, 2, 1]
    with psycopg.connect(in_process.database_url) as other:
        other.execute("UPDATE lot SET remaining = points")
        other.execute("UPDATE account SET available = available + held, held = 0")
        for cursors in ("cursor", "notices.cursor"):
            other.execute(f"UPDATE {cursors} SET applied = applied - 1 WHERE applied = 6".encode())
    looking.look(cursor)
    assert violations() == [0, 0, 0]
