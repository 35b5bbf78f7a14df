"""The side-by-side viewer of the report and of the demo: the judging page's window in a frame."""
