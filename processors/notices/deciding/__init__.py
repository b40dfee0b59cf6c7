"""What becomes of batches of the lane's topics: one transaction each, without Faust."""
