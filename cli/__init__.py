"""The `points` command, and the wiring of the other packages."""
