"""Tests of processors/watch."""
