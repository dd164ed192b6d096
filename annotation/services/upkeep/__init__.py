"""Withdraw and erase, clear unused files, and move to another database."""
