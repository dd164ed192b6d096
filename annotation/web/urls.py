"""The pages' paths; each module lists its own."""

from __future__ import annotations

from annotation.web import account, home, images, intake, reading, releases

urlpatterns = [
    *home.urlpatterns,
    *account.urlpatterns,
    *reading.urlpatterns,
    *releases.urlpatterns,
    *images.urlpatterns,
    *intake.urlpatterns,
]
