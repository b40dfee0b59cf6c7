"""What an order earns, when, and under which settings."""
