"""The tasks that a network can learn: one module for each."""
