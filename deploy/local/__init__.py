"""The local stack: Kafka, PostgreSQL and Valkey on a machine with nothing set up by hand."""
