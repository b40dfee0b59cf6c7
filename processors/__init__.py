"""The background workers: read, decide by the rules, store."""
