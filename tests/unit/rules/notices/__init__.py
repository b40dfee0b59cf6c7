"""Tests of what decides and words notices."""
