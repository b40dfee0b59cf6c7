"""Tests of processors/tracing."""
