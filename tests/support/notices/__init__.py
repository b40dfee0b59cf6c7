"""Help for tests of the notices lane."""
