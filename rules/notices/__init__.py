"""What members are told, when, and in which words: pure decisions of the notices lane."""
