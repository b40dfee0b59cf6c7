"""What keeps senders in their bounds: fence, gate, rates."""
