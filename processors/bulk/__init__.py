"""Bulk jobs from files (account.md 7): made, applied piece by piece, cancelled, undone."""
