"""The programs that ours is compared with: the least work possible, and usual first designs.

Each is a complete program.
"""
