"""Tests of store/valkey."""
