"""The pages' paths; each module lists its own."""

from __future__ import annotations

from annotation.web import images, intake, reading

urlpatterns = [
    *reading.urlpatterns,
    *images.urlpatterns,
    *intake.urlpatterns,
]
