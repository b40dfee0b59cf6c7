"""PostgreSQL itself: sessions, arrays, named queries, migrations."""
