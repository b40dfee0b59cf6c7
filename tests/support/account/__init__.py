"""Points accounts for tests: in hand, at a desk of commands, on a real ledger."""
