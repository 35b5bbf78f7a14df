"""Smaller models: pruned, quantised, in half precision, or taught. `table` is the way in."""
