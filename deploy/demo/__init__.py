"""A sample day as files: three invented shops with their settings, their orders, and what must come of them."""
