"""What clients and people should not have sent."""
