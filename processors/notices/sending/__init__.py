"""Notices out of the table to their providers, and what became of each."""
