"""The pages' paths; each module lists its own."""

from __future__ import annotations

from annotation.web import (
    account,
    health,
    home,
    images,
    intake,
    plans,
    reading,
    releases,
    reports,
    rounds,
)

urlpatterns = [
    *health.urlpatterns,
    *home.urlpatterns,
    *account.urlpatterns,
    *reading.urlpatterns,
    *releases.urlpatterns,
    *rounds.urlpatterns,
    *plans.urlpatterns,
    *reports.urlpatterns,
    *images.urlpatterns,
    *intake.urlpatterns,
]
