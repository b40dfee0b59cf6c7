"""Orders with their packed facts, and what belongs to them."""
