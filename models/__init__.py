"""Restorers: what there is (`catalogue`), how it is called (`restorer`), how it is loaded."""
