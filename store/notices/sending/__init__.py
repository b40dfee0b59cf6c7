"""Notices on their way out: who has them, what became of them, what shops owe for it."""
