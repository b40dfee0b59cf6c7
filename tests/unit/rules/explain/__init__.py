"""Tests of rules/explain."""
