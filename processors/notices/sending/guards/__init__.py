"""What a chunk must pass: the provider's gate, the rates, and the fence against frozen senders."""
