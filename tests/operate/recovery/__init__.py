"""What an operator restores, and what the workers make of it."""
