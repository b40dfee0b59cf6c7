"""What happens on an account: lots, expiry, debt."""
