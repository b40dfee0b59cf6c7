"""Tests of store/ledger."""
