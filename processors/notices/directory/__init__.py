"""How members are reached: our table of sealed contacts, a shop's own directory, or none."""
