"""What a cart may use of the points, what they are worth, and the signature under it."""
