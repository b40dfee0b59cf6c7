"""An order's facts: how records fold into them, and whether its delivery is final."""
