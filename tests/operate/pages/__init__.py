"""Pages that people follow from their first line to their last."""
