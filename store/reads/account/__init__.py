"""What a member has, had and may spend."""
