"""Gift campaigns (account.md 6): saving them, and reading them for people and for holds."""
