"""Tests of store/postgres."""
