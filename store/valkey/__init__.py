"""The read model of balances in Redis or Valkey: rebuildable, never the truth (account.md 9)."""
