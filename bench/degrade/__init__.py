"""From sharp photographs to degraded ones: for suites made here, and for training."""
