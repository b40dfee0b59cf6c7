"""Guards left out, to see what each is for: `make test-controls`."""
