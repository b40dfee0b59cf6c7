"""What tests of the database share: rights, locks, keys, a pooler, a server with TLS."""
