"""Masks that lost a race: for the reader of the case, and for a curator once it is over."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework import generics
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from annotation.api.content_types import AnyAccept
from annotation.api.persons import person
from annotation.api.reading.masks import send_mask
from annotation.api.reading.submission_serializers import LostDraftSerializer
from annotation.api.schema import BASIS_HEADERS, PNG_BYTES, PROBLEMS
from annotation.models import LostDraft
from annotation.selectors.reading.access import assignment_with_lost_drafts
from annotation.selectors.reading.lost_drafts import lost_draft, lost_drafts_of


class LostDraftsView(generics.ListAPIView[LostDraft]):
    """`assignments/{id}/lost-drafts/`: what is kept of one case, newest first."""

    serializer_class = LostDraftSerializer
    queryset = LostDraft.objects.none()

    @extend_schema(
        operation_id="list_lost_drafts",
        responses={200: LostDraftSerializer(many=True), **PROBLEMS},
    )
    def get(self, request: Request, assignment_id: UUID) -> Response:
        return self.list(request)

    def get_queryset(self) -> QuerySet[LostDraft]:
        assignment = assignment_with_lost_drafts(
            user=person(self.request), assignment_id=self.kwargs["assignment_id"]
        )
        return lost_drafts_of(assignment)


class LostDraftView(APIView):
    """`assignments/{id}/lost-drafts/{lost}/mask/`: a mask whose save lost a race."""

    content_negotiation_class = AnyAccept

    @extend_schema(
        operation_id="get_lost_draft",
        parameters=BASIS_HEADERS,
        responses={**PNG_BYTES, **PROBLEMS},
    )
    def get(self, request: Request, assignment_id: UUID, lost_id: UUID) -> HttpResponse:
        assignment = assignment_with_lost_drafts(user=person(request), assignment_id=assignment_id)
        return send_mask(request, lost_draft(assignment=assignment, lost_id=lost_id))
