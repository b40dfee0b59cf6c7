"""`python -m cli` is `points`."""

from cli.main import app

app()
