"""`python -m bench`: compares the project with bare loops that do only the necessary work.

It measures and prints. A bad figure does not make a run fail, since a machine may be small.
"""

from __future__ import annotations
