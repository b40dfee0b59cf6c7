"""Spans of real workers, as a collector gets them."""
