"""Tests of schemas/settings."""
