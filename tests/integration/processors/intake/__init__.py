"""Tests of processors/intake."""
