"""What goes wrong with Redis. Cheap to import: every worker's loop knows it."""


class ReadModelUnavailable(Exception):
    """Redis does not answer, or refuses: whoever reads goes to the database, the worker waits."""
