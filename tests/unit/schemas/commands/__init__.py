"""Tests of schemas/commands."""
