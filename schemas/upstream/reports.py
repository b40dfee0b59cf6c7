"""A carrier's raw report, which has no envelope (rules.md 6)."""

from typing import Annotated

from pydantic import StringConstraints

from schemas.upstream.base import IdOrBlank, Instant, Number, Upstream

Key = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, to_lower=True, min_length=1, max_length=100, pattern=r"^[^\x00]*$"
    ),
]
FreeText = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[^\x00]*$")]


class RawReport(Upstream):
    """What a carrier said of a parcel: `code` means nothing without `carrier` and `service`.

    It names the parcel by its tracking number, the order, or both, and says what happened by
    `code`, `text`, or both. Whatever else it carries (`raw`, `report_id`) is dropped.
    """

    carrier: Key
    service: Key
    occurred_at: Instant
    code: FreeText | Number | None = None
    text: FreeText | None = None
    tracking_number: FreeText | Number | None = None
    merchant_id: IdOrBlank | None = None
    order_id: IdOrBlank | None = None
    return_leg: bool | None = None
