"""Chores of the repository. Nothing in the product imports this package."""
