"""`python -m bench`: compares the project with bare loops that do only the necessary work.

It measures and prints. A run does not fail because of a bad figure, since the machine may be slow.
"""

from __future__ import annotations
