"""The read model's worker: what triggers it, and how it catches up (architecture.md 2.10)."""
