"""Random commands and settings of a shop with few members, orders and holds, so that they meet."""

from datetime import timedelta

from tests.oracle.commands import NEVER, SECOND, Micros, instant, spelt_out
from tests.oracle.shop import Campaign, Shop
from tests.property.dice import Dice
from tests.support.account.desk import CASH, STAFF
from tests.support.order_facts import settings as settings_of
from tests.support.order_facts import some_id
from tests.support.upstream import Json

DAY = 86_400 * SECOND
MEMBERS = [some_id(name) for name in ("ann", "bea", "cat")]
ORDERS = [some_id(f"machine order {number}") for number in range(3)]
PART, WHOLE = some_id("machine part"), some_id("machine whole")
"""Split off the first of ORDERS; combined from the others."""
HOLDS = [f"hold {number}" for number in range(40)]
VISITOR = some_id("dan")
"""Comes and goes as a member, and buys nothing: what leaving does to orders has its own tests."""
GIFTS = {"mug": 4, "bag": 9}
CAMPAIGNS = ["summer", "summer", "autumn"]
PERFORMERS = [*[STAFF] * 8, {"kind": "member", "id": "m"}, {"kind": "system", "id": "s"}]
WRONG: list[Json] = [
    {"type": "give"},
    {"point": 3},
    {"points": 0},
    {"points": 1.5},
    {"points": 10**12},
    {"points": None},
    {"reason": " "},
    {"reason": "r" * 51},
    {"ttl_seconds": 0},
    {"issued_at": "2999-01-01T00:00:00Z"},
    {"x_mine": 1},
]
"""What may be wrong with a command's shape, or looks so."""
KINDS = [
    *["assign"] * 2, "deduct", *["hold"] * 3, "gift", *["capture"] * 3, "release",
    *["return_redeemed"] * 2, "bulk_assign",
]  # fmt: skip
EXPIRIES: list[Json] = [
    {"kind": "never"},
    {"kind": "fixed_date", "month": 12, "day": 31},
    *[{"kind": "fixed_date", "month": 6, "day": day} for day in (1, 15)],
]
CASHES = [
    *[CASH | {"unit_points": unit} for unit in (1, 1, 1, 5)],
    CASH | {"unit_points": 5, "price_per_unit": 3, "minimum_purchase": 20, "max_amount": 30},
    CASH | {"unit_points": 1, "max_percent": 33},
    CASH | {"unit_points": 1, "channels": ["ec", "retail"]},
    None,
]


def random_settings(dice: Dice) -> Json:
    """Settings a shop may have: rules of orders and of the account alike."""
    return settings_of(
        enabled=not dice.once_in(12),
        entitlement={
            "plan": "enterprise",
            "app_installed": not dice.once_in(8),
            "modules": dice.pick([[], [], ["crm_credits"]]),
        },
        redeem={
            "cash": dice.pick(CASHES),
            "from_orders": dice.pick(["observe", "debit"]),
            "return_on_cancel": not dice.once_in(4),
            "on_return": dice.pick(["proportional", "proportional", "keep"]),
        },
        assign={
            "bulk_undo": not dice.once_in(4),
            "approval_above": dice.pick([None, None, 15]),
        },
        earn={
            "pending_days": dice.pick([0, 0, 2]),
            "expiry": dice.pick(EXPIRIES),
            "on_return": dice.pick(["claw_back", "claw_back", "keep"]),
            "on_refund": dice.pick(["keep", "claw_back"]),
            "deduct_store_credit": dice.once_in(3),
        },
    )


def random_campaign(dice: Dice, now: Micros) -> Campaign:
    """A campaign that was, is or will be, with other prices perhaps; or none any more."""
    starts = now + dice.pick([-10 * DAY, 0, 0, SECOND, DAY, 20 * DAY])
    ends = dice.pick([starts + span for span in (SECOND, DAY, 40 * DAY)] + [NEVER])
    gifts = {name: dice.pick([price, price, price + 1]) for name, price in GIFTS.items()}
    if dice.once_in(4):
        gifts.pop(dice.pick([*GIFTS]))
    return Campaign(starts, ends, gifts, removed=dice.once_in(6))


def in_more_words(content: Json) -> Json:
    """The same, with all that may be left out, and a field of the sender's own."""
    return spelt_out(content) | {"x_mine": 2, "quote": content.get("quote")}


class RandomCommands:
    """Commands that make sense on the shop as it is, and others; `sent` are all so far."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self.sent: list[Json] = []

    def any(self, dice: Dice, kind: str = "", member: str = "") -> Json:
        """A new command, issued now; of any kind and member unless one is named."""
        kind = kind or dice.pick(KINDS)
        if kind in ("capture", "release") and not self._live() and not dice.once_in(6):
            kind = "hold"
        member = member or dice.pick([*MEMBERS * 3, VISITOR])
        some = dice.pick([dice.number(1, 40), 5 * dice.number(1, 6)])
        made = getattr(self, f"_{kind}")(dice, member, some)
        content: Json = {
            "command_id": f"command {len(self.sent):04d}",
            "type": kind,
            "merchant_id": self._shop.merchant,
            "member_id": member,
            "performer": dice.pick(PERFORMERS),
            "issued_at": instant(self._shop.now).isoformat(),
            **made,
        }
        content = {name: value for name, value in content.items() if value is not None}
        self.sent.append(content)
        return content

    def wrong(self, dice: Dice) -> Json:
        """A new command whose shape is wrong, or looks so."""
        content, wrong = self.any(dice), dice.pick(WRONG)
        # Without a member only a bulk_assign can be answered.
        if wrong.keys() & {"reason", "type"} <= content.keys() and "member_id" in content:
            content |= wrong
        return content

    def again(self, dice: Dice) -> Json:
        """A command that was sent before, perhaps in more words, or with another content."""
        content = dice.pick(self.sent)
        if dice.once_in(2):
            content = in_more_words(content) | {"issued_at": instant(self._shop.now).isoformat()}
        others: list[Json] = [{"performer": {"kind": "staff", "id": "another"}}]
        if "member_id" in content:
            others.append({"member_id": dice.pick(MEMBERS)})
        return content | dice.pick(others) if dice.once_in(4) else content

    def _assign(self, _dice: Dice, _member: str, some: int) -> Json:
        return {"points": some, "reason": "thanks", "notify": {"email": some % 2 == 1}}

    def _deduct(self, _dice: Dice, _member: str, some: int) -> Json:
        return {"type": "assign", "points": -some, "reason": "a mistake"}

    def _hold(self, dice: Dice, _member: str, some: int) -> Json:
        ago = timedelta(seconds=dice.pick([0, 0, 0, 2]))
        return {
            "hold_id": dice.pick(HOLDS),
            "points": some,
            "purpose": "cash",
            "ttl_seconds": dice.pick([None, None, 2, 60, 86_400]),
            "channel": dice.pick([*[None] * 6, "ec", "retail"]),
            "issued_at": (instant(self._shop.now) - ago).isoformat(),
        }

    def quoted(self, dice: Dice) -> Json:
        """A cart that a member wants to pay with points."""
        lines = [
            {
                "product_id": "p",
                "unit_price": dice.number(0, 40),
                "quantity": dice.number(1, 3),
                "excluded": dice.once_in(6),
            }
            for _ in range(dice.number(1, 2))
        ]
        entered = [None, None, 0, *[dice.number(1, 60) for _ in range(3)]]
        return {
            "currency": dice.pick([*["TWD"] * 9, "JPY"]),
            "channel": dice.pick([*["ec"] * 6, "retail"]),
            "items": lines,
            "discount": dice.pick([0, 0, 7]),
            "store_credit": dice.pick([0, 0, 9]),
            "points": dice.pick(entered),
            "ignore_hold": dice.pick([None, None, *(self._live() or HOLDS[:1])]),
        }

    def hold_as_quoted(self, dice: Dice) -> Json:
        """A hold by a token that was signed, mostly as it says."""
        token, terms = dice.pick([*self._shop.tokens.items()][-3:])
        wrong = dice.number(1, 12)
        content = self.any(dice, "hold", dice.pick(MEMBERS) if wrong == 1 else terms.member)
        content |= {
            "points": terms.points + 5 if wrong == 2 else terms.points,
            "quote": f"{token[:-9]}AAAAAAAAA" if wrong == 3 else token,
        }
        return content

    def _gift(self, dice: Dice, _member: str, _some: int) -> Json:
        names = [dice.pick([*GIFTS] * 5 + ["hat"]) for _ in range(dice.number(1, 2))]
        campaign = dice.pick([*CAMPAIGNS, *self.open_campaigns() * 3])
        known = self._shop.campaigns.get(campaign)
        prices = known.gifts if known is not None else GIFTS
        many = [dice.pick([1, 1, 1, 2]) for _ in names]
        price = sum(prices.get(name, 1) * n for name, n in zip(names, many, strict=True))
        return {
            "type": "hold",
            "hold_id": dice.pick(HOLDS),
            "points": price + dice.pick([0] * 5 + [1]),
            "purpose": "gift",
            "campaign_id": campaign,
            "gifts": [
                {"gift_id": name} | ({"quantity": n} if n > 1 else {})
                for name, n in zip(names, many, strict=True)
            ],
        }

    def open_campaigns(self) -> list[str]:
        """Those whose gifts can be had now."""
        now, campaigns = self._shop.now, self._shop.campaigns.items()
        return [n for n, c in campaigns if c.starts <= now < c.ends and not c.removed]

    def _live(self) -> list[str]:
        return [name for each in self._shop.accounts.values() for name in sorted(each.ends)]

    def _of_hold(self, dice: Dice, member: str) -> Json:
        """A hold that was made, mostly one that lives, mostly by its own member."""
        holds = self._shop.holds
        known = [*(holds or HOLDS)]
        name = dice.pick(known if dice.once_in(5) else self._live() or HOLDS)
        if name in holds and not dice.once_in(10):
            member = holds[name].member
        return {"hold_id": name, "member_id": member}

    def _capture(self, dice: Dice, member: str, some: int) -> Json:
        return self._of_hold(dice, member) | {
            "points": dice.pick([None, None, some]),
            "order_id": dice.pick([*ORDERS * 2, PART, WHOLE]),
        }

    def _release(self, dice: Dice, member: str, _some: int) -> Json:
        return self._of_hold(dice, member)

    def _return_redeemed(self, dice: Dice, member: str, some: int) -> Json:
        captures = self._shop.captures.items()
        taken = [(one.member, order_id) for order_id, each in captures for one in each]
        member, order_id = dice.pick(taken or [(member, ORDERS[0])])
        return {
            "member_id": member,
            "order_id": order_id,
            "points": dice.pick([None, 1, some]),
            "reason": "late",
        }

    def _bulk_assign(self, dice: Dice, _member: str, _some: int) -> Json:
        return {
            "member_id": None,
            "job_id": dice.pick(["june", "july", "may"]),
            "members": [dice.pick([*MEMBERS, VISITOR]) for _ in range(dice.number(1, 3))],
            "points": dice.pick([7, 7, 7, 8]),
            "reason": "a gift",
        }
