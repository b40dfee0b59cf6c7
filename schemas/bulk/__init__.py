"""Bulk jobs (account.md 7): the file that staff hand in, and what becomes of a job and its rows."""
