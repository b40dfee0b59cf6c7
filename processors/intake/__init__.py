"""Intake: records from Kafka to facts, plans and postings, one transaction a batch."""
