"""Asking people, and believing the answer."""
