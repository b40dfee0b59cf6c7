"""The points redeemed on an order, and what came back of them, in words (account.md 5)."""

from collections.abc import Iterator

from rules.account.holds import Purpose
from rules.account.redemptions import Redemption
from rules.earning.redeemed_orders import ORDER_POINTS_LIMIT, captured_on, debit_of
from rules.explain.case import OrderCase
from rules.explain.formatting import points_shown
from rules.explain.view import OrderView
from rules.order.facts import OrderRecord
from schemas.answers.orders import RedeemedAnswer
from schemas.packing import unpack_id
from schemas.settings import BoundRules


def redeemed_answer(view: OrderView) -> RedeemedAnswer:
    """The sums of the order's captures and debits."""
    each = [one for redeemed in view.redeemed.values() for one in redeemed]
    record = view.facts.record
    return RedeemedAnswer(
        captured=captured_on(view.redeemed),
        debited=sum(one.out for one in each if one.is_debit),
        returned=sum(one.returned for one in each if not one.is_debit),
        order_points=record.order_points if record is not None else None,
    )


def redeemed_steps(case: OrderCase, rules: BoundRules | None) -> Iterator[str]:
    """Each capture and debit; then how the order's own figure compares with them."""
    view = case.view
    for member, redeemed in sorted(view.redeemed.items()):
        for one in redeemed:
            if one.points:
                yield _redemption(one, unpack_id(member))
    record = view.facts.record
    if record is None or not record.order_points:
        return
    figure = f"The order says that it redeemed {points_shown(record.order_points)}"
    if record.order_points > ORDER_POINTS_LIMIT:
        yield f"{figure}: over {ORDER_POINTS_LIMIT:,} it is taken for a mistake and ignored."
    elif rules is not None and rules.account.debit_orders:
        yield f"{figure}; from_orders is debit: {_debit(view, record, rules)}."
    elif record.order_points != captured_on(view.redeemed):
        yield f"{figure}; from_orders is observe: the difference to its captures is not posted."


def _debit(view: OrderView, record: OrderRecord, rules: BoundRules) -> str:
    """Whether what the order says is debited, or why it is not (rules.earning.redeemed_orders)."""
    if debit_of(view.facts, rules, view.installs, captured=0):
        return "what no capture has taken is debited"
    if record.order_points < 0:
        why = "a number below 0 takes none"
    elif view.facts.origin.combined_to:
        why = "the order went into another one"
    elif record.member is None:
        why = "it belongs to no member"
    elif record.status == "temp":
        why = "it is temporary"
    else:
        why = "the feature was not in force when it was made"
    return f"nothing is debited, as {why}"


def _redemption(one: Redemption, member_id: str) -> str:
    what = "Debited" if one.is_debit else "Captured"
    for_gifts = " for gifts" if one.purpose is Purpose.gift else ""
    back = f", of which {points_shown(one.returned)} came back" if one.returned else ""
    return f"{what} from member {member_id}: {points_shown(one.points)}{for_gifts}{back}."
