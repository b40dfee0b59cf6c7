"""An order and the decision on it: what each part of the explanation tells of."""

from dataclasses import dataclass

from rules.earning.entitlement import Entitlement, OrderState
from rules.explain.formatting import moment_shown, money_shown
from rules.explain.view import OrderView
from schemas.ids import Micros


@dataclass(frozen=True, slots=True)
class OrderCase:
    """An order as it was decided at the moment of the view.

    `state` is the contract's: `granted` only once it is in the ledger. `zone` and `currency` are
    the merchant's, for instants and amounts in sentences.
    """

    view: OrderView
    decided: Entitlement
    state: OrderState
    zone: str
    currency: str

    def at(self, moment: Micros) -> str:
        """An instant with its zone, as in `2019-12-01 14:00 (Asia/Taipei)`."""
        return f"{moment_shown(moment, self.zone)} ({self.zone})"

    def money(self, amount: int) -> str:
        """An amount of minor units in the order's currency."""
        return money_shown(amount, self.currency)
