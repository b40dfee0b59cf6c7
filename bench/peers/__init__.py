"""What ours is measured against: the least work possible, and what a team writes first.

Each is a whole program.
"""
