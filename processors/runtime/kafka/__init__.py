"""Kafka clients, the feed of records, and topics."""
