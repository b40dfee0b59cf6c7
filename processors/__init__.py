"""The background workers: each reads, decides by the rules, and stores."""
