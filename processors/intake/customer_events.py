"""What concerns orders from beside them: customers, and the app being installed or uninstalled (SPEC 1.5, 1.8).

Such a record is kept, and the orders that it may change are asked to be looked at again; nothing is
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
        said: Sequence[CustomerEvent | AppInstallEvent],
        merchants: Merchants,
        counts: Mapping[PartitionId, Counts],
    ) -> int:
        """Keeps what is new and counts every record; by how much it moved the settings epoch.

        Raises UnknownMerchantId and NewOrderRace: do the batch again.

        Call it after `settle`, once a batch: it locks customers and moves the settings epoch, and a
        batch that is rolled back must not have remembered an epoch that another one will be given.
        """
        told = [one for one in said if isinstance(one, CustomerEvent)]
        if told:
            _keep_customers(cursor, told, merchants, counts)
        heard = [one for one in said if isinstance(one, AppInstallEvent)]
        return self._keep_applications(cursor, heard, merchants, counts) if heard else 0

    def _keep_applications(
        self,
        cursor: Cursor,
        said: Sequence[AppInstallEvent],
        merchants: Merchants,
        counts: Mapping[PartitionId, Counts],
    ) -> int:
        ours: list[tuple[ApplicationEvent, Counts]] = []
        for one in said:
            count = counts[one.record.place]
            if one.application_id != self._application_id:
                count.ignore(OTHER_APPLICATION)
            else:
                ours.append(
                    (
                        ApplicationEvent(merchants.number(one.merchant_id), one.at, one.installed),
                        count,
                    )
                )
        if not ours:
            return 0
        new = app_installs.add(cursor, [event for event, _ in ours])
        moved = int(bool(new))
        if moved:
            merchants.change(cursor)
            recheck.add(
                cursor,
                [
                    RecheckRequest(RecheckKind.SINCE, event.merchant_no, since_us=event.at)
                    for event in new
                ],
            )
        for event, count in ours:
            if event in new:
                new.remove(event)
                count.applied += 1
            else:
                count.duplicate += 1
        return moved


def _keep_customers(
    cursor: Cursor,
    said: Sequence[CustomerEvent],
    merchants: Merchants,
    counts: Mapping[PartitionId, Counts],
) -> None:
    keyed = [((merchants.number(one.merchant_id), one.member), one) for one in said]
    known = customers.lock(cursor, {key for key, _ in keyed})
    newest: dict[CustomerKey, Customer] = {}
    for key, one in keyed:
        before = newest.get(key) or known.get(key)
        count = counts[one.record.place]
        if before is None or one.version > before.version:
            newest[key] = Customer(one.version, Buyer(one.is_member, one.registered_at))
            count.applied += 1
        elif one.version == before.version:
            count.duplicate += 1
        else:
            count.ignore(STALE)
    customers.write(cursor, newest, known)
    recheck.add(cursor, _concerned(newest, known))


def _concerned(
    newest: Mapping[CustomerKey, Customer], known: Mapping[CustomerKey, Customer]
) -> list[RecheckRequest]:
    """The members' orders on which the new word and the old one differ: none, as a rule, or none that exist."""
    asked = []
    for (merchant_no, member), customer in newest.items():
        before = known.get((merchant_no, member))
        since, until = sorted(
            (
                refused_before(customer.buyer),
                refused_before(before.buyer if before else UNKNOWN_BUYER),
            )
        )
        if since != until:
            asked.append(RecheckRequest(RecheckKind.MEMBER, merchant_no, member, since, until))
    return asked


def refused_before(buyer: Buyer) -> Micros:
    """The buyer's orders created before this earn nothing (SPEC 1.5, 1.9)."""
    if buyer.registered_at is not None:
        return buyer.registered_at
    return NEVER if buyer.is_member is False else MIN_INSTANT
