"""An order's facts: how records fold into them, and what they say about its delivery."""
