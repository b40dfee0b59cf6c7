"""Why an order earns what it earns, in sentences: one text for command line, API and console."""
