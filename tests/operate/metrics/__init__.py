"""Tests of what workers export."""
