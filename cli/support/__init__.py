"""What commands share: console, errors, wiring, formatting."""
