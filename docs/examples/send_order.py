"""Sends an order of $1,000 that arrived five days ago, as a shop platform would.

python docs/examples/send_order.py MERCHANT ORDER MEMBER
"""

# ruff: noqa: INP001 - a script for people, in no package

import json
import os
import sys
from datetime import UTC, datetime, timedelta

from confluent_kafka import Producer


def main(merchant: str, order: str, member: str) -> None:
    """Produce the record to the orders topic, and wait until the broker has it."""
    now = datetime.now(UTC)
    created, arrived = (now - timedelta(days=10)).isoformat(), (now - timedelta(days=5)).isoformat()
    record = {
        "topic": "order/update",
        "merchant_id": merchant,
        "resource": {
            "id": order,
            "customer_id": member,
            "status": "confirmed",
            "created_by": "shop",
            "created_at": created,
            "updated_at": arrived,
            "subtotal": {"cents": 1000, "currency_iso": "TWD"},
            "order_delivery": {
                "id": f"{order}-parcel",
                "platform": "sfexpress",
                "status": "arrived",
                "arrived_at": arrived,
            },
        },
    }
    producer = Producer({"bootstrap.servers": os.environ["POINTS_KAFKA__BOOTSTRAP_SERVERS"]})
    producer.produce(
        os.environ.get("POINTS_TOPICS__ORDERS", "commerce.orders.v1"), json.dumps(record), key=order
    )
    if producer.flush(10):
        sys.exit("error: Kafka did not take the record: check POINTS_KAFKA__BOOTSTRAP_SERVERS")
    print(f"Kafka has order {order} of member {member}, of {merchant}")  # noqa: T201 - for people


if __name__ == "__main__":
    if len(sys.argv) != 4:  # noqa: PLR2004 - the three arguments and the name of the script
        sys.exit(__doc__)
    main(*sys.argv[1:])
