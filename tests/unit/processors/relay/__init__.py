"""The relay without servers."""
