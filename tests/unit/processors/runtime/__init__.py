"""Tests of processors/runtime."""
