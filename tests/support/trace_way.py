"""The way of one record through the code, as a reader would follow it: function after function.

What is counted, for one call of `Intake.process`:

- *functions*: our own functions, each at its first call, in the order of the calls; comprehensions
  count as part of the function that they are written in;
- *changes* of file: from one function to the next one in another file;
- *returns*: changes to a file that was already open. They are what makes a way hard to follow.

Helpers that are understood by their name (bytes, arrays, interning, named queries) are left out.

``python -m tests.support.trace_way`` prints the way.
"""

import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FrameType
from typing import Any
from unittest.mock import patch

from deploy.local.stack import start_stack
from processors.intake.batch import IntakeResult
from processors.runtime.kafka.feed import Record as Consumed
from tests.support.in_process import InProcessEngine
from tests.support.parcels import M
from tests.support.servers import Databases
from tests.support.upstream import Record, hex_id, order

ROOT = Path(__file__).parents[2]
PACKAGES = ("schemas", "rules", "store", "processors")
HELPERS = (
    "schemas/packing.py",
    "schemas/ids.py",
    "store/orders/codec/",
    "store/postgres/",
    "processors/runtime/kafka/records.py",
)
"""Of bytes, arrays and words: what they do is in their names, a reader does not open them."""


@dataclass(frozen=True, slots=True)
class Way:
    """Functions as (file, name), in the order in which a reader meets them."""

    functions: tuple[tuple[str, str], ...]

    def without_helpers(self) -> "Way":
        """The way of a reader who trusts the helpers."""
        return Way(tuple(f for f in self.functions if not f[0].startswith(HELPERS)))

    @property
    def files(self) -> list[str]:
        """The files, in the order in which they are opened."""
        return list(dict.fromkeys(file for file, _ in self.functions))

    @property
    def stretches(self) -> list[tuple[str, list[str]]]:
        """The functions, together as long as they are in one file."""
        found: list[tuple[str, list[str]]] = []
        for file, name in self.functions:
            if not found or found[-1][0] != file:
                found.append((file, []))
            found[-1][1].append(name)
        return found

    @property
    def returns(self) -> int:
        """How many changes of file lead to one that was already open."""
        return len(self.stretches) - len(self.files)

    def __str__(self) -> str:
        lines = [f"{file}: {' → '.join(names)}" for file, names in self.stretches]
        return "\n".join([*lines, self.figures])

    @property
    def figures(self) -> str:
        """The counts in one line."""
        return (
            f"{len(self.functions)} functions in {len(self.files)} files, "
            f"{len(self.stretches)} changes of file, {self.returns} to a file already open"
        )


def trace(act: Callable[[], object]) -> Way:
    """Calls `act` and answers which of our functions it passed."""
    seen: dict[CodeType, tuple[str, str]] = {}

    def note(frame: FrameType, event: str, _: Any) -> None:
        code = frame.f_code
        if event != "call" or code in seen or code.co_name.startswith("<"):
            return
        path = Path(code.co_filename)
        if path.is_relative_to(ROOT):
            file = path.relative_to(ROOT)
            if file.parts[0] in PACKAGES:
                seen[code] = str(file), code.co_qualname

    sys.setprofile(note)
    try:
        act()
    finally:
        sys.setprofile(None)
    return Way(tuple(seen.values()))


def way_of_one_record(in_process: InProcessEngine) -> Way:
    """The way of an order's first record that says it is delivered, so that it is granted at once.

    The worker is warm: it has had such records of other orders. The record brings a word that is
    new, so that the batch is rolled back once and done again.
    """
    in_process.consume(*[_delivered_order(number) for number in range(20)])
    in_process.consume(*[_delivered_order(number) for number in range(20, 40)])
    worker = in_process.first
    process, ways = worker.intake.process, list[Way]()

    def traced(records: Sequence[Consumed]) -> IntakeResult:
        results: list[IntakeResult] = []
        ways.append(trace(lambda: results.append(process(records))))
        return results[0]

    with patch.object(worker.intake, "process", traced):
        result = worker.consume(_delivered_order(40, created_by="a new word"))
    assert result.tally.granted == 1
    return ways[0]


def _delivered_order(number: int, created_by: str = "shop") -> Record:
    return order(
        M,
        hex_id("order", number),
        hex_id("member", number % 7),
        cents=100_000,
        delivery="arrived",
        created_by=created_by,
    )


def _print() -> None:
    """Prints the way through the code of this checkout."""
    with tempfile.TemporaryDirectory() as folder, start_stack(Path(folder)) as stack:
        databases = Databases(stack.database_url)
        with InProcessEngine(databases.migrated(), Path(folder)) as in_process:
            in_process.merchant(M)
            way = way_of_one_record(in_process)
        databases.drop_all()
    sys.stdout.write(f"{way.without_helpers()}\nwith helpers: {way.figures}\n")


if __name__ == "__main__":
    _print()
