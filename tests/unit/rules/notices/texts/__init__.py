"""Tests of rules/notices/texts."""
