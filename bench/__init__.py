"""`python -m bench`: what the project costs beside bare loops that do only the needed work.

It measures and prints; it never judges a run by its figures, since a small machine is no mistake.
"""

from __future__ import annotations
