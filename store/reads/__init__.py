"""Reads off the hot path."""
