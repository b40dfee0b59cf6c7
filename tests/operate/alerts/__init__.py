"""Alerts: the rules, their cases, their runbooks, and a real Prometheus."""
