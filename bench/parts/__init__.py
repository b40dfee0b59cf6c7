"""What is measured: each part by itself with `--only`."""
