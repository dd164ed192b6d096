"""Signing in, a person's account and API tokens, and the members of a project."""
