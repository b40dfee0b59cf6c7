"""Tests of rules/notices."""
