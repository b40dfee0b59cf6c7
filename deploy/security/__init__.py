"""What secures an installation: the rights of each principal, made from the code."""
