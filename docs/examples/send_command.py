"""Sends a command about a member's points, waits for its answer and prints it.

python docs/examples/send_command.py MERCHANT MEMBER '{"type": "release", "hold_id": "cart-1"}'

It fills in command_id, performer and issued_at where they are missing.
"""

# ruff: noqa: INP001 - a script for people, in no package

import json
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from confluent_kafka import Consumer, Producer, TopicPartition

SERVERS = {"bootstrap.servers": os.environ.get("POINTS_KAFKA__BOOTSTRAP_SERVERS", "")}
COMMANDS = os.environ.get("POINTS_TOPICS__COMMANDS", "points.commands.v1")
RESULTS = os.environ.get("POINTS_TOPICS__COMMAND_RESULTS", "points.command-results.v1")
WAIT_SECONDS = 15


def main(merchant: str, member: str, content: dict[str, Any]) -> None:
    """Listen first, so that the answer cannot be missed; then send."""
    command = {
        "command_id": str(uuid4()),
        "merchant_id": merchant,
        "member_id": member,
        "performer": {"kind": "system", "id": "example"},
        "issued_at": datetime.now(UTC).isoformat(),
        **content,
    }
    answers = results()
    producer = Producer({**SERVERS, "partitioner": "murmur2_random"})
    key = ":".join(part.replace("%", "%25").replace(":", "%3A") for part in (merchant, member))
    producer.produce(COMMANDS, json.dumps(command), key=key)
    if producer.flush(10):
        sys.exit("error: Kafka did not take the command: check POINTS_KAFKA__BOOTSTRAP_SERVERS")
    for answer in answers:
        if (answer["merchant_id"], answer["command_id"]) == (merchant, command["command_id"]):
            sys.stdout.write(f"{json.dumps(answer, indent=2, ensure_ascii=False)}\n")
            return
    sys.exit(f"error: no answer within {WAIT_SECONDS} seconds: see whether the workers run")


def results() -> Iterator[dict[str, Any]]:
    """The answers from now on, until there was none for a while."""
    consumer = Consumer({**SERVERS, "group.id": "example", "enable.auto.commit": False})
    partitions = consumer.list_topics(RESULTS, timeout=10).topics[RESULTS].partitions
    places = [TopicPartition(RESULTS, number) for number in partitions]
    for place in places:
        place.offset = consumer.get_watermark_offsets(place, timeout=10)[1]
    consumer.assign(places)
    return read(consumer)


def read(consumer: Consumer) -> Iterator[dict[str, Any]]:
    """What comes, until there was none for a while."""
    while (message := consumer.poll(WAIT_SECONDS)) is not None:
        if message.error() is None:
            yield json.loads(message.value() or b"null")
    consumer.close()


if __name__ == "__main__":
    if len(sys.argv) != 4:  # noqa: PLR2004 - the three arguments and the name of the script
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2], json.loads(sys.argv[3]))
