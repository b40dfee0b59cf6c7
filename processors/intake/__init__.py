"""Intake: records from Kafka become facts, plans and postings, one transaction per batch."""
