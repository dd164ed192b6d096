"""Endpoints of accounts and tokens."""
