"""Recheck: orders that something else changed are decided again."""
