"""What must not change with size: speed on a full ledger, and a worker's memory."""

from collections.abc import Mapping
from typing import Any

from bench.measure import Measurement, Progress, Stack, measure
from bench.ours import OURS, Ours
from bench.workloads.a import WorkloadA

MEMORY_STEPS = (1, 4)
"""Orders of the memory runs, as multiples."""


def flat(
    orders: int, entries: int, stack: Stack, progress: Progress, *, with_orders: bool = True
) -> Mapping[str, Any]:
    """Workload A on empty tables, on a ledger with so many entries, and on empty tables again."""
    workload = WorkloadA(orders)
    before = measure(OURS, workload, stack, progress)
    full_ledger = Ours("ours-on-a-full-ledger", entries=entries, with_orders=with_orders)
    full = measure(full_ledger, workload, stack, progress)
    after = measure(OURS, workload, stack, progress)
    empty = (before.orders_per_second + after.orders_per_second) / 2
    return {
        "ledger entries before": entries,
        "orders/s on empty tables": (
            f"{before.orders_per_second:,.0f} and {after.orders_per_second:,.0f}"
        ),
        "orders/s on the full ledger": full.orders_per_second,
        "share of the empty figure, %": 100 * full.orders_per_second / empty,
        "WAL B/order, empty and full": (
            f"{before.wal_bytes_per_order:,.0f} and {full.wal_bytes_per_order:,.0f}"
        ),
        "CPU µs/order, empty and full": f"{_cpu(before):,.0f} and {_cpu(full):,.0f}",
    }


def large(orders: int, entries: int, stack: Stack, progress: Progress) -> Mapping[str, Any]:
    """As `flat` with many times as many entries and lots, but without their orders."""
    return flat(orders, entries, stack, progress, with_orders=False)


def memory(orders: int, stack: Stack, progress: Progress) -> Mapping[str, Any]:
    """Resident memory of each worker after runs of different size."""
    runs = [measure(OURS, WorkloadA(orders * step), stack, progress) for step in MEMORY_STEPS]
    workers = [part for part in runs[0].resident_mb if part not in {"postgresql", "kafka"}]
    return {
        f"{part}, MB after {' and '.join(f'{run.orders:,}' for run in runs)} orders": " and ".join(
            f"{run.resident_mb[part]:.0f}" for run in runs
        )
        for part in workers
    }


def _cpu(run: Measurement) -> float:
    return sum(run.cpu_us_per_order.values())
