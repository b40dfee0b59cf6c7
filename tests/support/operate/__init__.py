"""What tests of the material for operators share: Prometheus, Helm, containers, load."""
