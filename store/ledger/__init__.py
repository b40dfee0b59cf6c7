"""Accounts, lots and ledger entries."""
