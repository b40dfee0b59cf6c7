"""Quix Streams, a peer with packages of its own."""
