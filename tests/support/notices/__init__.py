"""The notices lane."""
