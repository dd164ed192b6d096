"""The architectures that a plan can name: one module for each."""
