"""The image and every worker in a container (`make test-image`)."""
