"""PostgreSQL: tables, migrations and named set-wise SQL."""
