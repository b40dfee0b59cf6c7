"""Tests of processors/recheck."""
