"""Campaigns and a database."""
