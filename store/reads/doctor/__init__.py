"""What only `points doctor` asks."""
