"""Tests of rules/order."""
