"""What causes entries: a command, a job, the law of redeemed orders."""

from dataclasses import dataclass
from typing import Self

from rules.account.account import Moved
from rules.account.entries import Entry, OpenAccount, event_id
from rules.account.lots import LotKey
from rules.account.redemptions import Redemption
from schemas.events import CauseKind, EntryType, Notify, Performer
from schemas.ids import Micros
from schemas.packing import unpack_id


@dataclass(slots=True)
class Act:
    """One cause, and what its entries say of it.

    `cause_id` is UTF-8 of the text for a command, packed for an order or a return. `name` is what
    the events' ids are made of; the number of the entry, counted in `entries`, follows it.
    `settings_no` is the version in force. Without `occurred_at` entries occurred when they are
    recorded: a command has no other time.
    """

    cause: CauseKind
    cause_id: bytes
    name: tuple[str | int, ...]
    settings_no: int | None = None
    occurred_at: Micros | None = None
    performer: Performer | None = None
    reason: str | None = None
    notify: Notify | None = None
    traceparent: bytes | None = None
    entries: int = 0

    @classmethod
    def of_command(
        cls,
        merchant_id: str,
        cause_id: str,
        settings_no: int | None,
        performer: Performer,
        reason: str | None = None,
        notify: Notify | None = None,
        traceparent: bytes | None = None,
        *,
        one_of_many: str | None = None,
    ) -> Self:
        """A command, or what the job `cause_id` does for `one_of_many` members.

        Entries are numbered from 1. The undoing of a job is a job of its own id.
        """
        name = ("command", merchant_id, cause_id)
        return cls(
            cause=CauseKind.command,
            cause_id=cause_id.encode(),
            name=name if one_of_many is None else ("job", merchant_id, cause_id, one_of_many),
            settings_no=settings_no,
            performer=performer,
            reason=reason,
            notify=notify,
            traceparent=traceparent,
        )

    @classmethod
    def of_law(
        cls,
        merchant_id: str,
        member_id: str,
        redemption: Redemption,
        settings_no: int | None,
        occurred_at: Micros,
        cause: CauseKind = CauseKind.order,
        cause_id: bytes | None = None,
        traceparent: bytes | None = None,
    ) -> Self:
        """What an order's facts bring about on one of its redemptions (account.md 5).

        Facts that come in the same steps, as in a replay, make entries of the same names.
        """
        order_id = redemption.order_id
        return cls(
            cause=cause,
            cause_id=cause_id if cause_id is not None else order_id,
            name=("redeemed", merchant_id, unpack_id(order_id), member_id, redemption.number),
            settings_no=settings_no,
            occurred_at=occurred_at,
            traceparent=traceparent,
            entries=redemption.entries,
        )


def post(
    opened: OpenAccount,
    act: Act,
    entry_type: EntryType,
    moved: Moved,
    *,
    settings_no: int | None,
    order_id: bytes | None = None,
    lot: LotKey | None = None,
    hold_id: bytes | None = None,
) -> None:
    """Make the account's next entry of what an act has just moved."""
    act.entries += 1
    opened.post(
        Entry(
            type=entry_type,
            event_id=event_id(*act.name, act.entries),
            occurred_at=occurred_at(opened, act),
            cause=act.cause,
            cause_id=act.cause_id,
            moved=moved,
            order_id=order_id,
            lot=lot,
            settings_no=settings_no,
            traceparent=act.traceparent,
            hold_id=hold_id,
            reason=act.reason,
            performer=act.performer,
            notify=act.notify,
        )
    )


def occurred_at(opened: OpenAccount, act: Act) -> Micros:
    """When what an act does on an account occurred."""
    return act.occurred_at if act.occurred_at is not None else opened.recorded_at
