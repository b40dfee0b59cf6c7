"""The container image: its Dockerfile, the locks it is built of, and what builds it."""
