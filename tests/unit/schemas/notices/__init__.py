"""Tests of the schemas of the notices lane."""
