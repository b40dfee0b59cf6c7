"""Customers, and the app being installed or uninstalled: what concerns many orders.

See rules.md 1.5, 1.8.

Such a record is kept, and the orders that it may change are put into the recheck queue; nothing is
decided here.
"""

from collections.abc import Mapping, Sequence

from processors.intake.decoding import AppInstallEvent, CustomerEvent
from rules.order.membership import UNKNOWN_BUYER, changed_between, with_statement
from schemas.ids import Micros
from store.orders import customers
from store.orders.customers import Customer, CustomerKey
from store.postgres.session import Cursor
from store.settings import app_installs
from store.settings.app_installs import ApplicationEvent
from store.settings.merchants import Merchants
from store.streams import recheck
from store.streams.cursors import Counts, PartitionId
from store.streams.recheck import RecheckKind, RecheckRequest

OTHER_APPLICATION = "other_application"
STALE = "stale"
TOO_MANY_INSTALLATIONS = "too_many_installations"
MOST_INSTALLATIONS = 500
"""Installations and removals of the app that are kept for a merchant: each decision of an order
looks at all of them, and each that is new asks for a recheck of the orders behind it.
"""


class CustomerAndAppEvents:
    """Keeps customers and application events."""

    def __init__(self, application_id: str | None) -> None:
        """`application_id` is ours; events of other apps are ignored."""
        self._application_id = application_id

    def apply(
        self,
        cursor: Cursor,
        events: Sequence[CustomerEvent | AppInstallEvent],
        merchants: Merchants,
        counts: Mapping[PartitionId, Counts],
    ) -> int:
        """Keeps what is new and counts every record; by how much it moved the settings epoch.

        Raises UnknownMerchantId and NewOrderRace: do the batch again.

        Call it after `settle`, once a batch: it locks customers and moves the settings epoch, and a
        batch that is rolled back must not have remembered an epoch that another one will be given.
        """
        customer_events = [event for event in events if isinstance(event, CustomerEvent)]
        if customer_events:
            _keep_customers(cursor, customer_events, merchants, counts)
        app_events = [event for event in events if isinstance(event, AppInstallEvent)]
        return self._keep_installs(cursor, app_events, merchants, counts) if app_events else 0

    def _keep_installs(
        self,
        cursor: Cursor,
        events: Sequence[AppInstallEvent],
        merchants: Merchants,
        counts: Mapping[PartitionId, Counts],
    ) -> int:
        ours: list[tuple[ApplicationEvent, Counts]] = []
        kept: dict[int, set[tuple[Micros, bool]]] = {}
        for event in events:
            count = counts[event.record.place]
            if event.application_id != self._application_id:
                count.ignore(OTHER_APPLICATION)
                continue
            merchant_no = merchants.numbers[event.merchant_id]
            if merchant_no not in kept:
                kept[merchant_no] = set(merchants.installs[merchant_no])
            if not _has_room(kept[merchant_no], (event.at, event.installed)):
                count.ignore(TOO_MANY_INSTALLATIONS)
                continue
            ours.append((ApplicationEvent(merchant_no, event.at, event.installed), count))
        if not ours:
            return 0
        new = app_installs.add(cursor, [install for install, _ in ours])
        moved = int(bool(new))
        if moved:
            merchants.change(cursor)
            since = [
                RecheckRequest(RecheckKind.SINCE, install.merchant_no, since_us=install.at)
                for install in new
            ]
            recheck.add(cursor, since)
        for install, count in ours:
            if install in new:
                new.remove(install)  # a repeat within the batch is a duplicate
                count.applied += 1
            else:
                count.duplicate += 1
        return moved


def _has_room(kept: set[tuple[Micros, bool]], install: tuple[Micros, bool]) -> bool:
    """Whether one more may be kept, or is there already."""
    if install not in kept and len(kept) >= MOST_INSTALLATIONS:
        return False
    kept.add(install)
    return True


def _keep_customers(
    cursor: Cursor,
    events: Sequence[CustomerEvent],
    merchants: Merchants,
    counts: Mapping[PartitionId, Counts],
) -> None:
    keyed = [((merchants.numbers[event.merchant_id], event.member), event) for event in events]
    known = customers.lock(cursor, {key for key, _ in keyed})
    changed: dict[CustomerKey, Customer] = {}
    for key, event in keyed:
        before = changed.get(key) or known.get(key)
        timeline = before.buyer if before is not None else UNKNOWN_BUYER
        count, statement = counts[event.record.place], event.statement
        grown = with_statement(timeline, statement)
        if grown is not timeline:
            earlier = before.version if before is not None else statement.version
            changed[key] = Customer(max(statement.version, earlier), grown)
            count.applied += 1
        elif statement in timeline.statements:
            count.duplicate += 1
        else:
            count.ignore(STALE)
    customers.write(cursor, changed, known)
    recheck.add(cursor, _concerned_orders(changed, known))


def _concerned_orders(
    changed: Mapping[CustomerKey, Customer], known: Mapping[CustomerKey, Customer]
) -> list[RecheckRequest]:
    """Requests for the orders whose eligibility the new records change; usually there are none.

    These are a member's orders created between the moments where the timeline differs.
    """
    requests: list[RecheckRequest] = []
    for (merchant_no, member), customer in changed.items():
        before = known.get((merchant_no, member))
        span = changed_between(before.buyer if before else UNKNOWN_BUYER, customer.buyer)
        if span is not None:
            requests.append(RecheckRequest(RecheckKind.MEMBER, merchant_no, member, *span))
    return requests
