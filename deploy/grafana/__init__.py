"""Grafana's boards, as code: `make generate` writes the JSON files that lie here."""
