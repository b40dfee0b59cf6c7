"""Quix Streams, at least once: orders in its own state (RocksDB and a changelog topic), no SQL.

It keeps an order's newest version and sends one event a grant. It keeps no balances, which would
take a second topic keyed by member, no ledger and no lots.
"""

import os
from pathlib import Path
from typing import Any

from quixstreams import Application, State

from bench.peers.common import FINAL, places, points

Json = dict[str, Any]


def fold(event: Json, state: State) -> list[Json]:
    """One record: the order's newest version is kept, and its grant sent once."""
    resource = event["resource"]
    known = state.get("order")
    if known is not None and known["updated_at"] > resource["updated_at"]:
        return []
    discount = resource.get("order_discount")
    order = {
        "status": resource["status"],
        "delivery_status": resource["order_delivery"]["status"],
        "base_cents": resource["subtotal"]["cents"] - (discount["cents"] if discount else 0),
        "updated_at": resource["updated_at"],
        "granted": known is not None and known["granted"],
    }
    due = order["delivery_status"] in FINAL and not order["granted"]
    order["granted"] = order["granted"] or due
    state.set("order", order)
    if not due:
        return []
    return [
        {
            "event": "points-changed",
            "merchant_id": event["merchant_id"],
            "member_id": resource["customer_id"],
            "order_id": resource["id"],
            "points": points(order["base_cents"]),
        }
    ]


def member_of(changed: Json) -> bytes:
    """The key of what is sent."""
    return str(changed["member_id"]).encode()


def main() -> None:
    """Work until killed."""
    at = places()
    app = Application(
        broker_address=at.bootstrap_servers,
        consumer_group=at.group,
        auto_offset_reset="earliest",
        processing_guarantee="at-least-once",
        state_dir=Path(os.environ["BENCH_STATE"]) / f"quix-{os.getpid()}",
        loglevel="WARNING",
    )
    orders = app.topic(at.topic_in, key_deserializer="bytes", value_deserializer="json")
    changes = app.topic(at.topic_out, key_serializer="bytes", value_serializer="json")
    stream = app.dataframe(orders).apply(fold, stateful=True, expand=True)
    stream.to_topic(changes, key=member_of)
    app.run()


if __name__ == "__main__":
    main()
