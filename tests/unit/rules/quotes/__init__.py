"""Tests of rules/quotes."""
