"""The floor: batches of 2,000, orjson, the least set-wise SQL, publishing after the commit.

It has no cursor, no version of facets, no outbox: killed in the middle it loses or repeats what it
publishes. What it takes is the least that consuming, parsing and durable rows cost in Python, so it
is the measure for ours.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import orjson
import psycopg
from confluent_kafka import Consumer, Message, Producer

from bench.peers.common import FINAL, FirstEvent, places, points

BATCH = 2_000
WAIT_SECONDS = 0.1

UPSERT_ORDERS = """
INSERT INTO orders (order_id, merchant_id, customer_id, status, delivery_status, base_cents,
                    currency, updated_at)
SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[],
                     %s::text[], %s::timestamptz[]) ORDER BY 1
ON CONFLICT (order_id) DO UPDATE
SET status = excluded.status, delivery_status = excluded.delivery_status,
    base_cents = excluded.base_cents, updated_at = excluded.updated_at
WHERE orders.updated_at <= excluded.updated_at"""

GRANT = """
WITH granted AS (
    INSERT INTO ledger (merchant_id, customer_id, order_id, kind, points)
    SELECT merchant_id, customer_id, order_id, 'grant', points
    FROM unnest(%s::text[], %s::text[], %s::text[], %s::bigint[])
         AS due (merchant_id, customer_id, order_id, points)
    ORDER BY order_id
    ON CONFLICT (order_id, kind) DO NOTHING
    RETURNING merchant_id, customer_id, order_id, points
), lot AS (
    INSERT INTO lots (merchant_id, customer_id, order_id, points, remaining, expires_at)
    SELECT merchant_id, customer_id, order_id, points, points, now() + interval '365 days'
    FROM granted
)
INSERT INTO balances (merchant_id, customer_id, balance)
SELECT merchant_id, customer_id, sum(points) FROM granted GROUP BY 1, 2 ORDER BY 1, 2
ON CONFLICT (merchant_id, customer_id) DO UPDATE SET balance = balances.balance + excluded.balance
RETURNING merchant_id, customer_id, balance"""

Json = dict[str, Any]
Row = tuple[Any, ...]


def newest(batch: Iterable[Message]) -> dict[str, Json]:
    """The last event of each order: the newest, since its records lie in one partition."""
    events = (orjson.loads(message.value() or b"") for message in batch)
    return {event["resource"]["id"]: event for event in events}


def base_cents(resource: Json) -> int:
    """What counts towards points."""
    discount = resource.get("order_discount")
    return int(resource["subtotal"]["cents"]) - (int(discount["cents"]) if discount else 0)


def order_row(event: Json) -> Row:
    """The row for `UPSERT_ORDERS`."""
    resource = event["resource"]
    return (
        resource["id"],
        event["merchant_id"],
        resource["customer_id"],
        resource["status"],
        resource["order_delivery"]["status"],
        base_cents(resource),
        resource["subtotal"]["currency_iso"],
        resource["updated_at"],
    )


def columns(rows: Sequence[Row]) -> list[list[Any]]:
    """Rows turned into the arrays that `unnest` wants."""
    return [list(column) for column in zip(*rows, strict=True)]


def store(
    database: psycopg.Connection[Any], rows: Sequence[Row], due: Sequence[Row]
) -> dict[tuple[str, str], int]:
    """Write the orders and grant those that are due, in one transaction.

    Returns the changed balances by member.
    """
    with database.transaction(), database.cursor() as cursor:
        cursor.execute(UPSERT_ORDERS, columns(rows))
        if not due:
            return {}
        changed = cursor.execute(GRANT, columns(due)).fetchall()
    return {(merchant, member): balance for merchant, member, balance in changed}


def publish(
    producer: Producer, topic: str, due: Iterable[Row], balances: dict[tuple[str, str], int]
) -> None:
    """One event a grant, also when a batch is repeated; waits until the broker has them."""
    for merchant, member, order, earned in due:
        event = {
            "event": "points-changed",
            "merchant_id": merchant,
            "member_id": member,
            "order_id": order,
            "points": earned,
            "balance": balances.get((merchant, member)),
        }
        producer.produce(topic, orjson.dumps(event), member)
    producer.flush()


def main() -> None:
    """Work until killed."""
    at, first = places(), FirstEvent()
    consumer = Consumer(at.consumer)
    producer = Producer(
        {
            "bootstrap.servers": at.bootstrap_servers,
            "linger.ms": 5,
            "queue.buffering.max.messages": 200_000,
        }
    )
    consumer.subscribe([at.topic_in])
    with psycopg.connect(at.database_url, autocommit=True) as database:
        while True:
            batch = [
                message
                for message in consumer.consume(BATCH, WAIT_SECONDS)
                if message.error() is None
            ]
            if batch:
                first.seen()
                rows = [order_row(event) for event in newest(batch).values()]
                due = [(row[1], row[2], row[0], points(row[5])) for row in rows if row[4] in FINAL]
                publish(producer, at.topic_out, due, store(database, rows, due))
                consumer.commit(asynchronous=True)


if __name__ == "__main__":
    main()
