"""Work that is done before a loss and, once more, after it."""

import orjson

from tests.support.engine import Engine
from tests.support.upstream import Record, Trade, hex_id

SHOPS = ("shop-a", "shop-b", "shop-c")
TRADE = Trade(300, SHOPS)
KINDS = ("relay", "grants", "recheck", "intake", "commands")
COMMANDS = 20


def expected() -> dict[tuple[str, str], int]:
    """The balances once all of the trade and the assignments are applied."""
    given = {(shop, hex_id("hand", shop)): 5 * COMMANDS for shop in SHOPS}
    return {**TRADE.expected(), **given}


def assignments() -> list[Record]:
    """Commands by which each shop's first member gets points by hand."""
    return [
        Record("commands", f"{shop}:{hex_id('hand', shop)}", orjson.dumps(command))
        for shop in SHOPS
        for number in range(COMMANDS)
        for command in [
            {
                "command_id": f"{shop}-{number}",
                "type": "assign",
                "merchant_id": shop,
                "member_id": hex_id("hand", shop),
                "points": 5,
                "reason": "welcome",
                "performer": {"kind": "staff", "id": "u1"},
                "issued_at": "2024-12-02T02:00:00Z",
            }
        ]
    ]


def work(engine: Engine, records: int) -> None:
    """Lets workers process and publish so many records, all that there are, and ends them."""
    workers = [engine.run(kind) for kind in KINDS]
    engine.wait_consumed(records)
    engine.wait_published()
    assert [worker.terminate() for worker in workers] == [0] * len(workers)


def newest_sequences(engine: Engine) -> dict[str, int]:
    """The largest sequence of each member that was ever published."""
    newest: dict[str, int] = {}
    for message in engine.events():
        member = message.key().decode()
        newest[member] = max(newest.get(member, 0), orjson.loads(message.value())["sequence"])
    return newest


def ids(engine: Engine) -> set[str]:
    """The ids of all entries."""
    return {str(row[0]) for row in engine.rows("SELECT event_id FROM ledger")}


def published(engine: Engine) -> list[str]:
    """The id of every event in the topic, in whatever order."""
    return [orjson.loads(message.value())["event_id"] for message in engine.events()]
