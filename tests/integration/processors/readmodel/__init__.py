"""Tests of the read model's worker."""
