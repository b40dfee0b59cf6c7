"""One order's story for the rules alone: records, reports, passing time, and what was posted.

Nothing is decoded, stored or matched here, so a test of a decision names just the facts that it is
about.
"""

from dataclasses import dataclass, field
from typing import Any

from rules.earning.differences import after_posting, changes
from rules.earning.entitlement import Entitlement, Installs, entitlement
from rules.order.facts import (
    CarrierReport,
    DeliveryKey,
    OrderFacts,
    OrderRecord,
    ParcelRecord,
    ReturnOrder,
)
from rules.order.folding import fold_order, fold_parcel, fold_return
from rules.order.membership import MemberStatement, with_statement
from rules.order.trail import Version
from schemas.carriers.meaning import Meaning
from schemas.ids import Micros
from schemas.settings import BoundRules, compile_settings, load_settings
from tests.support.in_memory import at
from tests.support.order_facts import HOME, Json, bytes_of, day, settings

NUMBER = b"TN0001"
OTHER_NUMBER = b"TN0002"
MEMBER = b"member"


def moment(text: str) -> Micros:
    """An instant of 2024 in Taipei: "12-01" or "12-01 09:30", or with a year before it."""
    return at(day(text))


CREATED = moment("11-29")


def bound_rules(
    *, entitled: dict[str, Any] | None = None, overrides: dict[str, str] | None = None, **earn: Json
) -> BoundRules:
    """$10 = 1 point, three days; by the module, so that orders may be granted on completion too."""
    entitled = entitled or {"plan": "basic", "modules": ["crm_credits"]}
    document = settings(earn=earn, entitlement=entitled, delivery_overrides=overrides or {})
    return compile_settings(load_settings(bytes_of(document), name="test"))


@dataclass
class Story:
    """An order of 1,000 from 29 November 2024, with one parcel whose number is NUMBER."""

    rules: BoundRules
    installs: Installs = ()
    facts: OrderFacts = field(default_factory=lambda: OrderFacts(settings_no=1))
    now: Micros = CREATED
    history: list[tuple[str, int]] = field(default_factory=list)

    def order(self, when: str = "11-29", status: str = "confirmed", **fields: Json) -> None:
        """A record of the order; `fields` replace parts of it."""
        record = OrderRecord(
            version=Version(moment(when)),
            created_at=CREATED,
            status=status,
            member=MEMBER,
            guest=False,
            created_by="shop",
            kind=None,
            currency="TWD",
            subtotal=1000,
            delivery_key=DeliveryKey.PRESENT,
        )
        fold_order(self.facts, record._replace(**fields), None)
        self.settle()

    def parcel(
        self,
        status: str,
        when: str,
        option: str = HOME,
        parcel_id: bytes = b"first",
        **fields: Json,
    ) -> None:
        """A record of a parcel."""
        record = ParcelRecord(Version(moment(when)), parcel_id, status, option, tracking=NUMBER)
        fold_parcel(self.facts, record._replace(**fields))
        self.settle()

    def report(
        self, meaning: Meaning, when: str, number: bytes = NUMBER, *, named: bool = False
    ) -> None:
        """A carrier's report that was matched to the order."""
        report = CarrierReport(moment(when), meaning, number, "tcat/home", meaning.name, named)
        self.facts.reports = tuple(sorted({*self.facts.reports, report}))
        self.settle()

    def returned(
        self, total: int, when: str, status: str = "completed", return_id: bytes = b"one"
    ) -> None:
        """A record of a return order."""
        fold_return(self.facts, ReturnOrder(return_id, Version(moment(when)), status, total))
        self.settle()

    def buyer(self, *, is_member: bool | None = None, registered: str | None = None) -> None:
        """The buyer's membership, from customer events."""
        at = None if registered is None else moment(registered)
        statement = MemberStatement(Version(self.now), is_member, at)
        self.facts.buyer = with_statement(self.facts.buyer, statement)
        self.settle()

    def until(self, when: str) -> None:
        """Time passes; the timer acts when the points are due."""
        decided, then = self.decided, moment(when)
        if decided.state == "planned" and decided.due_at is not None and decided.due_at <= then:
            self.now = max(self.now, decided.due_at)
            self.settle()
        self.now = then
        self.settle()

    def settle(self) -> None:
        """Posts the differences."""
        decided = self.decided
        done = [(change, change.points) for change in changes(self.facts, decided)]
        self.facts.posted = after_posting(self.facts, decided, done, None)
        self.history += [(change.type, points) for change, points in done]

    @property
    def decided(self) -> Entitlement:
        """What the order is entitled to now."""
        return entitlement(self.facts, self.rules, self.now, self.installs)

    @property
    def state(self) -> str:
        """The order's state now."""
        return self.decided.state

    @property
    def points(self) -> int:
        """What is posted."""
        return sum(points for _, points in self.history)


def story(
    status: str = "shipped",
    option: str = HOME,
    *,
    overrides: dict[str, str] | None = None,
    **earn: Json,
) -> Story:
    """The order and its parcel, whose newest record is of 30 November."""
    order = Story(bound_rules(overrides=overrides, **earn))
    order.order()
    order.parcel(status, "11-30", option)
    return order


def delivered(**earn: Json) -> Story:
    """The carrier delivered on 1 December, and the 100 points were granted on the 4th."""
    order = story(**earn)
    order.report(Meaning.DELIVERED, "12-01 15:00")
    order.until("12-04")
    assert order.history == [("granted", 100)]
    return order
