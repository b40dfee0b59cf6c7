"""Recheck: decides orders again after something they depend on has changed."""
