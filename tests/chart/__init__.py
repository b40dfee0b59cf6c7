"""The Helm chart (`make test-chart`)."""
