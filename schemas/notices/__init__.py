"""What crosses a boundary of the notices lane: its words, a shop's settings, its topics."""
