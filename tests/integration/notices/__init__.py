"""Tests of the notices lane on real servers."""
