"""What ours is measured against: the least work possible, and what a team writes first. Each file is a whole program."""
