"""Bulk jobs from files (account.md 7): their rows, and the pieces in which these are applied."""
