"""Alembic's entry: runs the migrations on the URL that `store.postgres.migrate` passes."""

from alembic import context
from sqlalchemy import create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.pool import NullPool

url = make_url(context.config.attributes["url"]).set(drivername="postgresql+psycopg")
# A statement that waits for a lock holds up everybody behind it: better to try again later.
options = {"options": "-c lock_timeout=10s -c client_encoding=UTF8"}
with create_engine(url, poolclass=NullPool, connect_args=options).connect() as connection:
    context.configure(connection=connection, transactional_ddl=True)
    with context.begin_transaction():
        context.run_migrations()
