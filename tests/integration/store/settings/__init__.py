"""Settings and a database."""
