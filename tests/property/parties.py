"""Random events of others than the shop: carriers' reports of every service, and customers."""

from datetime import datetime, timedelta
from typing import Any

from tests.oracle.carriers import CODES, DECISIVE
from tests.property.dice import Dice
from tests.support.customers import APPLICATION, customer, report
from tests.support.order_facts import Event, some_id

SERVICES = [
    *sorted(CODES),
    *[("ecpay", "tcat")] * 5,
    ("ecpay", "unimartc2c"),
    ("ecpay", "hilife"),
    ("ninja_van", "v2"),
]
"""All of them; more often those that take a report back, or report the way back."""
APPLICATIONS = [APPLICATION] * 4 + [some_id("another application")]
UNKNOWN_CODES = ["9999", "貨件去向不明"]


def spelled(dice: Dice, number: str) -> str | int:
    """A tracking number in one of the spellings that people use."""
    plain = number.replace(" ", "").replace("-", "")
    spellings: list[str | int] = [number, plain.upper(), f" {plain}", f"{plain[:2]}-{plain[2:]}"]
    if plain.isdigit():
        spellings.append(int(plain))
    return dice.pick(spellings)


def random_report(dice: Dice, occurred: str, service: tuple[str, str], **names: Any) -> Event:
    """A carrier's report, mostly of this service and of a code that decides something."""
    carrier, line = dice.pick([service] * 9 + [SERVICES[0]])
    codes = CODES[carrier, line]
    decisive = [code for code, meaning in codes.items() if meaning in DECISIVE]
    code = dice.pick(decisive * 4 + list(codes) + UNKNOWN_CODES)
    fields: dict[str, Any] = {}
    if carrier == "ninja_van" and dice.once_in(4):
        fields["return_leg"] = True
    if dice.once_in(2):
        fields["raw"] = {"receiver": "A. Buyer"}
    if not code.isascii() and dice.once_in(2):
        return report(carrier, line, None, occurred, text=code, **names, **fields)
    return report(carrier, line, code, occurred, **names, **fields)


def random_customer(
    dice: Dice, merchant: str, member: str, moment: datetime, unit: timedelta
) -> Event:
    """A customer's record.

    It often lacks the registration, which lies around the creation of orders.
    """
    fields: dict[str, Any] = {}
    if not dice.once_in(4):
        since = dice.pick(
            [None, *[moment - 400 * unit] * 3, moment - 20 * unit, moment - 5 * unit, moment]
        )
        fields["registered_at"] = None if since is None else since.isoformat()
    if dice.once_in(2):
        fields["is_member"] = dice.pick([True, True, False])
    topic = dice.pick(["user/update", "user/create", "customer/update"] * 3 + ["user/remove"])
    return customer(moment.isoformat(), member=member, merchant=merchant, topic=topic, **fields)
