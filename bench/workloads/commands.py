"""Commands of one shop: 70 % assignments, 10 % holds and their captures, 10 % refusals.

The members are those of `sql/preload.sql`, who have had points for years. A hold and its capture
lie some hundred records apart.
"""

import random
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final

import orjson

from bench.workloads.workload import Member, Record, settings_document

MERCHANT: Final = "652b00000000000000000c0d"
POINTS: Final = 10
"""Of an assignment, a hold and its capture."""
STEP: Final = 10
"""In so many commands there are seven assignments, a hold, a capture and a refusal."""
APART: Final = 300
"""Records between a hold and its capture."""
REFUSED: Final[Sequence[Mapping[str, Any]]] = (
    {"type": "assign", "points": -900_000, "reason": "too many"},
    {"type": "release", "hold_id": "never made"},
    {"type": "hold", "hold_id": "no unit", "points": 15, "purpose": "cash"},
)
"""Once after reading the account, once after looking for a hold, once by the rules alone."""


def member_id(number: int) -> str:
    """The id of the n-th member of `sql/preload.sql`, from 1."""
    return (sha256(number.to_bytes(8, "big")).digest()[:8] + bytes(4)).hex()


@dataclass(frozen=True)
class Commands:
    """So many commands for so many members."""

    commands: int
    members: int
    seed: int = 53
    issued_at: str = field(default_factory=lambda: datetime.now(UTC).isoformat())
    name: str = "commands"

    def records(self) -> Iterator[Record]:
        """The commands, in the order in which they are sent."""
        for content in self.contents():
            yield as_record(content)

    def contents(self) -> Iterator[Mapping[str, Any]]:
        """The same before they are written as JSON."""
        draw = random.Random(f"{self.seed}/{self.name}")
        waiting: deque[tuple[int, str, str]] = deque()
        for number in range(self.commands):
            member = member_id(draw.randrange(self.members) + 1)
            match number % STEP:
                case 3:
                    hold_id = f"{draw.getrandbits(96):024x}"
                    waiting.append((number + APART, member, hold_id))
                    own: Mapping[str, Any] = _hold(hold_id)
                case 7 if waiting and waiting[0][0] <= number:
                    _, member, hold_id = waiting.popleft()
                    own = _capture(hold_id, f"{draw.getrandbits(96):024x}")
                case 9:
                    own = REFUSED[number // STEP % len(REFUSED)]
                case _:
                    own = {"type": "assign", "points": POINTS, "reason": "birthday"}
            yield command(draw, member, self.issued_at, own)

    def codes(self) -> Counter[str]:
        """How many answers of which code there must be."""
        refused = Counter(("insufficient_points", "unknown_hold", "not_a_unit"))
        turns = self.commands // STEP
        codes = Counter({code: (turns + 2 - n) // len(REFUSED) for n, code in enumerate(refused)})
        codes["ok"] = self.commands - codes.total()
        return codes

    def balance(self) -> Mapping[Member, int]:
        """What the commands add to each member: captures take what they held."""
        change: Counter[Member] = Counter()
        for content in self.contents():
            key = (str(content["merchant_id"]), str(content["member_id"]))
            if content["type"] == "assign" and content["points"] > 0:
                change[key] += POINTS
            elif content["type"] == "capture":
                change[key] -= POINTS
        return change

    def settings(self) -> Mapping[str, dict[str, Any]]:
        """Ten points are worth one dollar."""
        return {MERCHANT: settings_of_shop()}


def settings_of_shop() -> dict[str, Any]:
    """A shop whose points expire at the end of the next year and may be redeemed for cash."""
    document = settings_document(unit_price=100, pending_days=0, timezone="Asia/Taipei")
    document["redeem"] = {"cash": {"unit_points": 10, "price_per_unit": 1}}
    return document


def command(
    draw: random.Random, member: str, issued_at: str, own: Mapping[str, Any]
) -> Mapping[str, Any]:
    """A command of the shop's own staff, with an id of its own."""
    return {
        "command_id": f"{draw.getrandbits(128):032x}",
        "merchant_id": MERCHANT,
        "member_id": member,
        "performer": {"kind": "staff", "id": "5f0c3e2ab4d1c70011aa22bb"},
        "issued_at": issued_at,
        **own,
    }


def as_record(content: Mapping[str, Any]) -> Record:
    """A command as it is sent, keyed as the contract says."""
    key = f"{content['merchant_id']}:{content['member_id']}"
    return Record(key, orjson.dumps(content), "commands")


def _hold(hold_id: str) -> Mapping[str, Any]:
    return {"type": "hold", "hold_id": hold_id, "points": POINTS, "purpose": "cash"}


def _capture(hold_id: str, order_id: str) -> Mapping[str, Any]:
    return {"type": "capture", "hold_id": hold_id, "order_id": order_id}
