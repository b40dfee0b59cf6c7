"""Everything that crosses a boundary, as pydantic models and tables of data."""
