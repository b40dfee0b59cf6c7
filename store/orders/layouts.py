"""Where each number of an order's packed facts lies: declared once, for codec and SQL.

All numbers are big-endian. The first byte of every packed value is its layout's number: FIXED has
the declared fields only, WITH_TAIL carries more behind them.
"""

from struct import Struct
from typing import Final

from schemas.errors import Exit, PointsError

FIXED, WITH_TAIL = 1, 2


class UnknownLayout(PointsError):
    """Packed facts are of a layout that this version does not know: a newer version wrote them."""

    code = "unknown_layout"
    exit_code = Exit.SCHEMA

    def __init__(self, what: str, layout: int) -> None:
        super().__init__(
            f"{what} is packed in layout {layout}, which this version does not know",
            "run a newer version",
        )


class Layout:
    """The fixed fields of a packed value, by name, in their order."""

    def __init__(self, **fields: str) -> None:
        """Takes the code of each field, as `struct` has them."""
        self.struct: Final = Struct(">" + "".join(fields.values()))
        self.offsets: Final[dict[str, int]] = {}
        self.sizes: Final[dict[str, int]] = {}
        at = 0
        for name, code in fields.items():
            self.offsets[name], self.sizes[name] = at, Struct(f">{code}").size
            at += self.sizes[name]

    def bigint_sql(self, column: str, field: str) -> str:
        """SQL for an 8-byte field of a packed column, as the hot path's statements need it."""
        start = self.offsets[field] + 1
        return f"('x' || encode(substring({column} FROM {start} FOR 8), 'hex'))::bit(64)::bigint"


RECORD: Final = Layout(
    layout="B", at="q", timestamp="Q", digest="Q", created_at="q", status="i", created_by="i",
    kind="i", currency="i", completed_at="q", subtotal="q", order_discount="q", custom_discount="q",
    points_to_cash="q", user_credit="q", tier="i", tier_at="q", tier_timestamp="Q", tier_digest="Q",
    said="i",
)  # fmt: skip
"""The newest record of an order; `at`, `timestamp`, `digest` are its version, tier_* its tier's."""

PARCEL: Final = Layout(
    layout="B", at="q", timestamp="Q", digest="Q", status="i", option="i", arrived_at="q",
    collected_at="q", returned_at="q", said="h",
)  # fmt: skip
"""The newest record of a parcel."""

RETURN: Final = Layout(
    layout="B", at="q", timestamp="Q", digest="Q", status="i", total="q", currency="i", items="q",
    items_currency="i", requested_at="q", first_at="q", said="h",
)  # fmt: skip
"""The newest record of a return order."""

POSTED: Final = Layout(
    layout="B", episode="i", entries="i", points="q", returned="q", account_no="q", final_at="q",
    due_at="q", expires_at="q",
)  # fmt: skip
"""What the ledger has of an order."""
