"""Several processes of each kind on several brokers."""
