"""Laws that hold for every history that can be made up."""
