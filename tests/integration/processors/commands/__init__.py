"""Tests of processors/commands."""
