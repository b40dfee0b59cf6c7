"""Shared by all workers: configuration, the consume loop, health, logs, supervision."""
