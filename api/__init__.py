"""HTTP: webhook intake, the member points API, the console."""
