"""Relay: sends the outbox to Kafka, each kind of record on a lane of its own."""
