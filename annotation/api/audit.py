"""`projects/{slug}/audit/`: the audit of a project for its curators, the newest row first."""

from __future__ import annotations

import re
from datetime import date

from django.db.models import QuerySet
from django.urls import URLPattern, path
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import generics, serializers
from rest_framework.exceptions import NotFound
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response

from annotation.api.authentication import user_of
from annotation.api.schema import PROBLEMS
from annotation.errors import Invalid
from annotation.models import AuditEvent
from annotation.permissions import Permission, project_for
from annotation.selectors.audit import AuditFilter, day_of, events_of

_TEXTS = ("who", "what", "target")
_DAYS = ("since", "until")
_PAGING = {"cursor", "page_size"}
_NUMBER = re.compile(r"[0-9]{1,15}")


class AuditPagination(CursorPagination):
    """Pages by the row's number, so that a page costs the same at any depth."""

    ordering = "-sequence"
    page_size = 50
    max_page_size = 200
    page_size_query_param = "page_size"

    def decode_cursor(self, request: Request) -> Cursor | None:
        """Return the cursor of the query; raise NotFound if it names no row's number."""
        cursor = super().decode_cursor(request)
        if cursor and cursor.position is not None and not _NUMBER.fullmatch(str(cursor.position)):
            raise NotFound(self.invalid_cursor_message)
        return cursor


class AuditEventSerializer(serializers.ModelSerializer[AuditEvent]):
    """One row of the audit, with all that its hash covers."""

    username = serializers.CharField(
        source="actor.username", default=None, allow_null=True, read_only=True
    )
    facts = serializers.DictField(read_only=True)

    class Meta:
        model = AuditEvent
        fields = (
            "sequence",
            "id",
            "created_at",
            "actor",
            "username",
            "verb",
            "target",
            "facts",
            "previous_sha256",
            "sha256",
        )
        read_only_fields = fields


class AuditView(generics.ListAPIView[AuditEvent]):
    """List who did what in a project. An unknown filter is refused."""

    serializer_class = AuditEventSerializer
    pagination_class = AuditPagination
    queryset = AuditEvent.objects.none()

    @extend_schema(
        operation_id="list_audit",
        parameters=[
            OpenApiParameter("who", str, description="The name of an account."),
            OpenApiParameter("what", str, description="A verb, such as `submit`."),
            OpenApiParameter("target", str, description="The id of what was acted on."),
            OpenApiParameter(
                "since", date, description="The first day, in the project's time zone."
            ),
            OpenApiParameter(
                "until", date, description="The last day, in the project's time zone."
            ),
        ],
        responses={200: AuditEventSerializer(many=True), **PROBLEMS},
    )
    def get(self, request: Request, slug: str) -> Response:
        return self.list(request)

    def get_queryset(self) -> QuerySet[AuditEvent]:
        project = project_for(user_of(self.request), self.kwargs["slug"], Permission.SEE_AUDIT)
        return events_of(project, _audit_filter(self.request))


def _audit_filter(request: Request) -> AuditFilter:
    query = request.query_params
    known = [*_TEXTS, *_DAYS]
    for name in query:
        if name not in known and name not in _PAGING:
            raise Invalid(
                f"There is no filter {name!r}; the filters are {', '.join(known)}.", field=name
            )
    who, what, target = (query.get(name, "")[:150] for name in _TEXTS)
    since, until = (_day(name, query.get(name, "")) for name in _DAYS)
    return AuditFilter(who, what, target, since, until)


def _day(name: str, text: str) -> date | None:
    """Return the day that the query names; raise Invalid if the text is not a day."""
    try:
        return day_of(text)
    except ValueError:
        raise Invalid(f"{name} is not a day: write 2026-01-31.", field=name) from None


urlpatterns: list[URLPattern] = [
    path("projects/<slug:slug>/audit/", AuditView.as_view(), name="audit"),
]
