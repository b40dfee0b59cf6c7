"""What was parked until its shop was heard of, decided some at a time."""

from collections import Counter
from collections.abc import Mapping

from processors.notices.deciding.decider import Decider
from schemas.ids import Micros
from schemas.notices.words import Channel, State
from store.notices import settings, shops
from store.notices.deciding import parked
from store.postgres.session import Cursor


def decide_parked(
    cursor: Cursor, decider: Decider, now: Micros, most: int
) -> tuple[int, Mapping[tuple[Channel, State], int]]:
    """Decides parked changes of shops that were heard of, about `most` of them.

    Part of a transaction that has called `parked.take_turns`. How many they were (0 when there are
    no more), and what was decided.
    """
    taken, decided = 0, Counter[tuple[Channel, State]]()
    for merchant_id in parked.ready(cursor):
        if taken >= most:
            break
        numbers = shops.numbers(cursor, [merchant_id])
        in_force = settings.in_force(cursor, numbers.values())
        found = {shop.merchant_id: shop for shop in in_force.values()}
        changes = parked.take(cursor, merchant_id, most - taken)
        decided += decider.decide(cursor, changes, found, now).decided
        taken += len(changes)
    return taken, decided
