"""Reads of the store (store/reads)."""
