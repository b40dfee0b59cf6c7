"""Events of others than the shop: carriers' reports, customers and applications.

Plain dicts, as in tests/support/order_facts.py.
"""

from typing import Any

from tests.support.order_facts import MEMBER, MERCHANT, Event, Json, envelope, some_id

APPLICATION = "64210a1e6425fdf32c5fff20"
"""The application that merchants install to have points."""


def report(
    carrier: str,
    service: str,
    code: str | None,
    occurred: str,
    *,
    number: str | None = None,
    order_id: str | None = None,
    merchant: str | None = None,
    **fields: Json,
) -> Event:
    """A carrier's report. What is None is left out."""
    fields_by_name: dict[str, Any] = {
        "carrier": carrier,
        "service": service,
        "code": code,
        "tracking_number": number,
        "occurred_at": occurred,
        "merchant_id": merchant,
        "order_id": order_id,
    } | fields
    return {key: value for key, value in fields_by_name.items() if value is not None}


def customer(
    updated: str,
    *,
    member: str = MEMBER,
    merchant: str = MERCHANT,
    topic: str = "user/update",
    ts: int | None = None,
    **fields: Json,
) -> Event:
    """A customer's record; `fields` are those about the membership."""
    resource = {
        "id": member,
        "status": "active",
        "created_at": updated,
        "updated_at": updated,
        "name": "A. Buyer",
    } | fields
    return envelope(topic, resource, merchant=merchant, ts=ts)


def application(
    at: str, *, installed: bool, merchant: str = MERCHANT, application_id: str = APPLICATION
) -> Event:
    """An application installed or uninstalled at the instant."""
    resource = {
        "_id": some_id(f"installation {at}"),
        "application_id": application_id,
        "created_at": at if installed else None,
        "deleted_at": None if installed else at,
        "updated_at": at,
    }
    return envelope(
        "application/install" if installed else "application/uninstall", resource, merchant=merchant
    )
