"""The pages' paths; each module lists its own."""

from __future__ import annotations

from annotation.web import reading

urlpatterns = [
    *reading.urlpatterns,
]
