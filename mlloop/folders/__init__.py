"""The verbs of `python -m mlloop` on plain folders, for people without a server.

A child process of a server does not import this package.
"""
