"""restoration-bench: which image-restoration model to use, with every number's convention."""

__version__ = "0.1.0"
