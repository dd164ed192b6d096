"""The URL paths of all pages. Each module lists its own."""

from __future__ import annotations

from annotation.web import (
    audit,
    health,
    home,
    images,
    intake,
    reading,
    releases,
    security_contact,
)
from annotation.web.people import account, members
from annotation.web.rounds import plans, reports, rounds

urlpatterns = [
    *health.urlpatterns,
    *home.urlpatterns,
    *audit.urlpatterns,
    *account.urlpatterns,
    *members.urlpatterns,
    *reading.urlpatterns,
    *releases.urlpatterns,
    *rounds.urlpatterns,
    *plans.urlpatterns,
    *reports.urlpatterns,
    *images.urlpatterns,
    *intake.urlpatterns,
    *security_contact.urlpatterns,
]
