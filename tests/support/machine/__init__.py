"""What tests take of the machine: a folder in memory, names that lead elsewhere, threads."""
