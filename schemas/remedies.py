"""What an operator runs next; the notices lane has commands of its own."""


def _points(pipeline: str) -> str:
    return "points notices" if pipeline == "notices" else "points"


def adopt_cursor(pipeline: str) -> str:
    """Where a cursor is of no use any more."""
    points = _points(pipeline)
    return f"look with `{points} cursor show`, then go on with `{points} cursor adopt`"


def resume(pipeline: str) -> str:
    """Where too many records of a pipeline could not be read."""
    points = _points(pipeline)
    return f"look with `{points} dlq list`, then `{points} resume`"


def open_letters(pipeline: str) -> str:
    """Where records lie that could not be read."""
    return f"`{_points(pipeline)} dlq list`, then redrive or discard them"


def refused_row(pipeline: str) -> str:
    """Where the broker has refused a row of an outbox for good."""
    return f"`{_points(pipeline)} outbox list`, then retry or discard it"


def status(pipeline: str) -> str:
    """Where a pipeline says why it stands."""
    return f"see `{_points(pipeline)} status`"
