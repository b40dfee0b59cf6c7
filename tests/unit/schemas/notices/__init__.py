"""Tests of schemas/notices."""
