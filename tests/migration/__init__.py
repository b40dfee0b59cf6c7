"""Old code on the new schema: workers of both overlap during an upgrade."""
