"""Split lists into pages of bounded length."""

from __future__ import annotations

from rest_framework.pagination import PageNumberPagination


class BoundedPagination(PageNumberPagination):
    """`?page=` and `?page_size=`, at most 200 rows at a time."""

    page_size = 50
    max_page_size = 200
    page_size_query_param = "page_size"
