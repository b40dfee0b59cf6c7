"""Three of each kind on three brokers: what each process did, and its CPU for a unit of it.

`python -m tests.operate.scale.figures [ORDERS]` starts servers of its own and prints a line a
kind. CPU is the processes' own, which a busy machine disturbs little; a rate by the clock would say
nothing, as all of them share the cores of one machine.
"""

import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from deploy.local.kafka_local import LocalKafka
from deploy.local.postgres_local import LocalPostgres
from deploy.local.valkey_local import LocalValkey
from tests.operate.scale.fleet import PARTITIONS, Fleet
from tests.operate.scale.test_three_of_each import assigned
from tests.support.engine import Engine
from tests.support.upstream import CREATED, Trade

SHOPS = ("shop-a", "shop-b", "shop-c")
ORDERS, WITHIN = 12_000, 600.0
UNITS = {
    "intake": ("points_consumed_records_total", "record"),
    "commands": ("points_consumed_records_total", "command"),
    "grants": ("points_ledger_entries_total", "grant"),
    "relay": ("points_relayed_records_total", "event or answer"),
    "readmodel": ("points_readmodel_members_total", "member read again"),
}
CPU = "process_cpu_seconds_total"


def figures(engine: Engine, trade: Trade) -> list[str]:
    """A line for each kind, once all of the trade is planned, granted and published."""
    # The clock stands where the orders are new, so that grants are the work of grants.
    engine.move_clock((CREATED + timedelta(hours=12) - datetime.now(UTC)).total_seconds())
    for shop in SHOPS:
        engine.merchant(shop, pending_days=3)
    fleet = Fleet(engine, list(UNITS))
    idle = {kind: fleet.counted(kind, CPU) for kind in UNITS}
    records = trade.records()
    commands, _ = assigned(trade)
    engine.produce([*records, *commands])
    engine.wait_consumed(len(records) + len(commands), WITHIN)
    engine.move_clock(0)
    engine.wait_published(WITHIN)
    lines = [_line(fleet, kind, idle[kind]) for kind in UNITS]
    fleet.end()
    return lines


def _line(fleet: Fleet, kind: str, idle: list[float]) -> str:
    name, unit = UNITS[kind]
    done = fleet.counted(kind, name)
    spent = [now - before for now, before in zip(fleet.counted(kind, CPU), idle, strict=True)]
    each = ", ".join(f"{share:,.0f}" for share in done)
    return f"{kind}: {each}; {sum(spent) / sum(done) * 1e6:,.0f} µs of CPU for each {unit}"


def main(orders: int) -> None:
    """Prints the lines."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with (
            LocalKafka(folder / "kafka", brokers=3) as kafka,
            LocalPostgres(folder / "postgres") as postgres,
            LocalValkey(folder / "valkey") as valkey,
            Engine(
                kafka.bootstrap_servers,
                postgres.database_url,
                "figures.",
                folder,
                PARTITIONS,
                replicas=3,
            ) as engine,
        ):
            engine.environment["POINTS_REDIS__URL"] = valkey.redis_url
            for line in figures(engine.prepare(), Trade(orders, SHOPS, members=4_000)):
                sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ORDERS)
