"""What happens on a member's account: lots, expiry, debt."""
