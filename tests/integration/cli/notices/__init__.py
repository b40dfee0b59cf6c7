"""Commands of the notices lane."""
