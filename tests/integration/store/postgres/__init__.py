"""PostgreSQL itself: tables against migrations."""
