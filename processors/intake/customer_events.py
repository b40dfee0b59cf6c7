"""Customers, and the app being installed or uninstalled: what concerns many orders.

See rules.md 1.5, 1.8.

Such a record is kept, and the orders that it may change are put into the recheck queue; nothing is
decided here.
"""

from collections.abc import Mapping, Sequence

from processors.intake.decoding import AppInstallEvent, CustomerEvent
from rules.order.facts import UNKNOWN_BUYER, Buyer
from schemas.ids import NEVER, Micros
from store.orders import customers
from store.orders.customers import Customer, CustomerKey
from store.postgres.session import Cursor
from store.settings import app_installs
from store.settings.app_installs import ApplicationEvent
from store.settings.merchants import Merchants
from store.streams import recheck
from store.streams.cursors import Counts, PartitionId
from store.streams.recheck import MIN_INSTANT, RecheckKind, RecheckRequest

OTHER_APPLICATION = "other_application"
STALE = "stale"


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
        for event in events:
            count = counts[event.record.place]
            if event.application_id != self._application_id:
                count.ignore(OTHER_APPLICATION)
                continue
            merchant_no = merchants.numbers[event.merchant_id]
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


def _keep_customers(
    cursor: Cursor,
    events: Sequence[CustomerEvent],
    merchants: Merchants,
    counts: Mapping[PartitionId, Counts],
) -> None:
    keyed = [((merchants.numbers[event.merchant_id], event.member), event) for event in events]
    known = customers.lock(cursor, {key for key, _ in keyed})
    newest: dict[CustomerKey, Customer] = {}
    for key, event in keyed:
        before = newest.get(key) or known.get(key)
        count = counts[event.record.place]
        if before is None or event.version > before.version:
            newest[key] = Customer(event.version, Buyer(event.is_member, event.registered_at))
            count.applied += 1
        elif event.version == before.version:
            count.duplicate += 1
        else:
            count.ignore(STALE)
    customers.write(cursor, newest, known)
    recheck.add(cursor, _concerned_orders(newest, known))


def _concerned_orders(
    newest: Mapping[CustomerKey, Customer], known: Mapping[CustomerKey, Customer]
) -> list[RecheckRequest]:
    """Requests for the orders whose eligibility the new records change; usually there are none.

    These are a member's orders created between the two moments before which orders earn nothing.
    """
    requests: list[RecheckRequest] = []
    for (merchant_no, member), customer in newest.items():
        before = known.get((merchant_no, member))
        new = refused_before(customer.buyer)
        old = refused_before(before.buyer if before else UNKNOWN_BUYER)
        if new != old:
            since, until = sorted((new, old))
            requests.append(RecheckRequest(RecheckKind.MEMBER, merchant_no, member, since, until))
    return requests


def refused_before(buyer: Buyer) -> Micros:
    """The buyer's orders created before this earn nothing (rules.md 1.5, 1.9)."""
    if buyer.registered_at is not None:
        return buyer.registered_at
    return NEVER if buyer.is_member is False else MIN_INSTANT
