"""What runs the engine: the local stack, images, dashboards."""
