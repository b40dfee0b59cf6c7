"""What carriers report: the words for their codes, and the tables of codes."""
