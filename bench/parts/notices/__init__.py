"""The notices lane: how fast it decides and sends."""
