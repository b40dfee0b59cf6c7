"""Merchants, their settings versions and application events."""
