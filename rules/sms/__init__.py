"""How many parts a text has as SMS, and which numbers can take one."""
