"""What operators get, shown on real servers: metrics, alerts, boards (`make test-operate`)."""
