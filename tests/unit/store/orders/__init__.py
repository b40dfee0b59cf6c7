"""Tests of store/orders."""
