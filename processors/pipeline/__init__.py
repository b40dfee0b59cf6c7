"""Reading topics in batches: what every pipeline has around its own work."""
