"""A page on one's own computer to try models on one's own photographs: ``bench demo``."""
