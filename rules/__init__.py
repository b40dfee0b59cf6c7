<<<<<<< HEAD
"""Pure decisions: no input or output, no clock, no randomness."""
=======
"""Pure decisions about points: no I/O, no clock, no randomness."""
>>>>>>> stack
