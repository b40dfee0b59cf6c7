"""The streams of records that are measured, and the balances that must come of them."""
