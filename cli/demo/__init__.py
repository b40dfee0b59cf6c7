"""`points demo`: sample days of made-up shops, played on real servers."""
