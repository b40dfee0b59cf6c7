"""Everything that crosses a boundary, as pydantic models."""
