"""Alembic's entry: runs the migrations on the URL that `store.postgres.migrate` passes."""

import psycopg
from alembic import context
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from store.postgres.migrate import SESSION

url = context.config.attributes["url"]
# A statement that waits for a lock holds up everybody behind it: better to try again later.
LIMIT = "SET lock_timeout = '10s'"


def connected() -> psycopg.Connection:
    """As libpq reads the URL: SQLAlchemy knows none with several hosts."""
    connection = psycopg.connect(url, client_encoding="UTF8")
    connection.execute(f"{SESSION}; {LIMIT}".encode())
    connection.commit()
    return connection


engine = create_engine("postgresql+psycopg://", creator=connected, poolclass=NullPool)
with engine.connect() as connection:
    context.configure(connection=connection, transactional_ddl=True)
    with context.begin_transaction():
        context.run_migrations()
