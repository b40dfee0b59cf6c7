"""Tests of rules/account."""
