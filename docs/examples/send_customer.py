"""Sends a member's record with an address and a number, as a shop platform would.

python docs/examples/send_customer.py MERCHANT MEMBER EMAIL PHONE
"""

# ruff: noqa: INP001 - a script for people, in no package

import json
import os
import sys
from datetime import UTC, datetime, timedelta

from confluent_kafka import Producer


def main(merchant: str, member: str, email: str, phone: str) -> None:
    """Produce the record to the customers topic, and wait until the broker has it."""
    now = datetime.now(UTC)
    record = {
        "topic": "user/update",
        "merchant_id": merchant,
        "resource": {
            "id": member,
            "name": "Ann Example",
            "email": email,
            "mobile_phone": phone,
            "locale_code": "en",
            "is_member": True,
            "registered_at": (now - timedelta(days=30)).isoformat(),
            "created_at": (now - timedelta(days=30)).isoformat(),
            "updated_at": now.isoformat(),
        },
    }
    producer = Producer({"bootstrap.servers": os.environ["POINTS_KAFKA__BOOTSTRAP_SERVERS"]})
    topic = os.environ.get("POINTS_TOPICS__CUSTOMERS", "commerce.customers.v1")
    producer.produce(topic, json.dumps(record), key=member)
    if producer.flush(10):
        sys.exit("error: Kafka did not take the record: check POINTS_KAFKA__BOOTSTRAP_SERVERS")


if __name__ == "__main__":
    if len(sys.argv) != 5:  # noqa: PLR2004 - the four arguments and the name of the script
        sys.exit(__doc__)
    main(*sys.argv[1:])
