"""Tests of store/valkey on a real Valkey."""
