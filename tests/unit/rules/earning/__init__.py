"""Tests of rules/earning."""
