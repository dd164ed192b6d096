"""The verbs of `python -m mlloop` on plain folders, for people without a server.

Nothing of the loop imports it: children of a server start without it.
"""
