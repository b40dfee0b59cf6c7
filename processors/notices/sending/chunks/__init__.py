"""A chunk out of the hand: marked, handed over, and what became of it settled."""
