"""Grafana's boards: what a linter would say, and a real Prometheus that answers every panel."""
