"""The root URLs. The API and the pages list their own paths."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("accounts/", include("annotation.web.people.accounts")),
    path("admin/", include("annotation.web.people.admin_sign_in")),  # before Django's own pages
    path("admin/", admin.site.urls),
    path("api/v1/", include("annotation.api.urls")),
    path("", include("annotation.web.urls")),
]

handler400 = "annotation.config.error_pages.bad_request"
handler404 = "annotation.config.error_pages.not_found"
handler500 = "annotation.config.error_pages.server_error"
