"""The documentation, and the tool that keeps its tables true."""
