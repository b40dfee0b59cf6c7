"""Tables and statements as they would be distributed by merchant (docs/explanation/scaling.md)."""
