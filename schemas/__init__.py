"""Everything that crosses a boundary: upstream records, settings, events, and the tables that come as data."""
