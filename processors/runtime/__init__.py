"""What all workers share: configuration, the consume loop, health, metrics, supervision."""
