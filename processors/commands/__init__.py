"""Commands from Kafka, applied and answered (account.md 3)."""
