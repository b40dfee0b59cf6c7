"""The benchmark: throughput and latency of the workers, compared with other designs.

`make bench` runs it; `python -m bench --help` lists its parts. Tests never run it.
"""
