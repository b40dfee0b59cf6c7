"""Members as the lane knows them: how they are reached, what is sealed, what they do not want."""
