"""Which delivery status is the final one for an order (rules.md 2.2)."""

from collections.abc import Mapping
from typing import Final

from schemas.options import delivery_options
from schemas.settings import FinalStatus

PICKUP_TYPES: Final = frozenset({"pickup", "store_pickup"})
"""The values of a `delivery_type` of upstream that mean that the member fetches the parcel."""

# By code, as plain words: this is asked for every delivery record.
_RULE_BY_CODE: Final = {code: option.final for code, option in delivery_options().items()}


def final_status_of(
    option: str | None,
    delivery_type_is_pickup: bool,  # noqa: FBT001 - a fact of the order, not a switch
    overrides: Mapping[str, FinalStatus],
) -> FinalStatus:
    """The status at which a parcel of this delivery option is final (rules.md 2.2 D3).

    The merchant's override speaks first, then the table (where an option can be both, its delivery
    type decides); an unknown option is `collected` for a pick-up and otherwise counts as
    not integrated, `arrived`.
    """
    if option is not None:
        chosen = overrides.get(option)
        if chosen is not None:
            return chosen
        rule = _RULE_BY_CODE.get(option)
        if rule is not None and rule != "by_delivery_type":
            return rule
    return "collected" if delivery_type_is_pickup else "arrived"


def is_known(option: str | None) -> bool:
    """Whether the table has the option.

    What it has not is counted, never dropped (rules.md 2.2 D3).
    """
    return option in _RULE_BY_CODE
