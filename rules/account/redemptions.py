"""What orders took of an account: captures of holds, and debits (account.md 5).

A redemption remembers the lots that its points came from, since that is where they go back to.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from rules.account.holds import Purpose
from rules.account.points_by_lot import LotPoints, PointsByLot, merged

DEBIT_NUMBER = 0
"""The number of an order's debit on an account; its captures count from 1."""


@dataclass(slots=True)
class Redemption:
    """One capture on an order, or the order's debit (`purpose` None), on one account.

    `points` is what it took, `returned` what was given back of that in all, `manual` the part of
    it given back by command. What is out, `points - returned`, is `debt` (taken when nothing was
    there) and `lots`, the soonest to expire first. `settings_no` is the version whose policies
    apply: that of the hold, or of the order. `entries` counts the entries that the law posted on
    it, which names their events.
    """

    order_id: bytes
    number: int
    purpose: Purpose | None
    points: int
    settings_no: int | None
    lots: PointsByLot = field(default_factory=list)
    manual: int = 0
    returned: int = 0
    debt: int = 0
    entries: int = 0

    @property
    def is_debit(self) -> bool:
        """Whether the order itself took it, without a hold."""
        return self.purpose is None

    @property
    def out(self) -> int:
        """What was taken and not given back."""
        return self.points - self.returned

    def add_lots(self, taken: Iterable[LotPoints]) -> None:
        """Remember more points taken, lot by lot."""
        self.lots = merged([*self.lots, *taken])


def return_order(redemptions: list[Redemption]) -> list[Redemption]:
    """An order's redemptions as a give-back by hand goes through them: latest first, debit last."""
    return sorted(redemptions, key=_by_number, reverse=True)


def _by_number(redemption: Redemption) -> int:
    return redemption.number
