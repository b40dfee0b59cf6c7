"""What is decided: the notices that changes make, and what waits for settings or a day."""
