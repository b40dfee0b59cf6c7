"""The benchmark: the workers' rate, beside the least work possible and what a team writes first.

`make bench` runs it; `python -m bench --help` lists its parts. It is never run as a test.
"""
