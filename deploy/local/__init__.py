"""The local stack: Kafka and PostgreSQL on a machine with nothing set up by hand."""
