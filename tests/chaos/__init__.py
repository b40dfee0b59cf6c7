"""The notices lane under faults; `make chaos` brings about a hundred of them."""
