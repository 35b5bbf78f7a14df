"""Download, verify, resume."""
