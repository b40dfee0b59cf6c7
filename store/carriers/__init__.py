"""Carrier codes, tracking numbers and parked reports."""
