"""What a sender has in hand, and how it gets there: notices taken, judged and worded."""
