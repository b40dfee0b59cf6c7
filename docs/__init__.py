"""The documentation, and the tool that writes its generated tables."""
