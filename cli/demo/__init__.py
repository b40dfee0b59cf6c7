"""`points demo`: sample days of invented shops, played on real servers."""
