"""confluent-kafka, one ORM transaction a record, with a row that makes a repeat harmless."""

from confluent_kafka import Consumer, Message, Producer
from sqlalchemy import create_engine
from sqlalchemy.orm import Session, sessionmaker

from bench.peers.common import FirstEvent, places
from bench.peers.model import Envelope, PointsChanged, handle, seen_before

COMMIT_EVERY = 100


def process(sessions: sessionmaker[Session], message: Message) -> PointsChanged | None:
    """One record in one transaction; returns what is to be published."""
    event = Envelope.model_validate_json(message.value() or b"")
    with sessions.begin() as session:
        return None if seen_before(session, event) else handle(session, event)


def main() -> None:
    """Work until killed."""
    at, first = places(), FirstEvent()
    sessions = sessionmaker(create_engine(at.sqlalchemy_url), expire_on_commit=False)
    producer = Producer({"bootstrap.servers": at.bootstrap_servers, "enable.idempotence": True})
    consumer = Consumer(at.consumer)
    consumer.subscribe([at.topic_in])
    uncommitted = 0
    while True:
        message = consumer.poll(1.0)
        if message is not None and message.error() is None:
            first.seen()
            changed = process(sessions, message)
            if changed:
                producer.produce(at.topic_out, changed.model_dump_json(), changed.member_id)
            producer.poll(0)
            uncommitted += 1
        if uncommitted >= COMMIT_EVERY or (message is None and uncommitted):
            producer.flush()
            consumer.commit(asynchronous=False)
            uncommitted = 0


if __name__ == "__main__":
    main()
