"""Lost drafts are masks whose save was refused.

The reader of the case sees its lost drafts. A curator sees them after the case is closed.
"""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpResponse
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from annotation.api.authentication import user_of
from annotation.api.content_types import AnyAccept
from annotation.api.reading.drafts import send_mask
from annotation.api.schema import BASIS_HEADERS, PNG_BYTES, PROBLEMS
from annotation.models import LostDraft
from annotation.selectors.reading.access import assignment_with_lost_drafts
from annotation.selectors.reading.lost_drafts import lost_draft, lost_drafts_of


class LostDraftSerializer(serializers.ModelSerializer[LostDraft]):
    """A mask whose save was refused. It is kept for 30 days after `saved_at`, its last refusal."""

    saved_at = serializers.DateTimeField(source="created_at", read_only=True)
    candidate = serializers.UUIDField(source="candidate_id", allow_null=True, read_only=True)
    mask_url = serializers.SerializerMethodField()

    class Meta:
        model = LostDraft
        fields = ["id", "stroke", "saved_at", "candidate", "threshold", "mask_url"]

    def get_mask_url(self, lost: LostDraft) -> str:
        return reverse("api:lost-draft", args=[lost.assignment_id, lost.id])


class LostDraftsView(generics.ListAPIView[LostDraft]):
    """`assignments/{id}/lost-drafts/`: the lost drafts of one case, newest first."""

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
            user=user_of(self.request), assignment_id=self.kwargs["assignment_id"]
        )
        return lost_drafts_of(assignment)


class LostDraftView(APIView):
    """`assignments/{id}/lost-drafts/{lost}/mask/`: a mask whose save was refused."""

    content_negotiation_class = AnyAccept

    @extend_schema(
        operation_id="get_lost_draft",
        parameters=BASIS_HEADERS,
        responses={**PNG_BYTES, **PROBLEMS},
    )
    def get(self, request: Request, assignment_id: UUID, lost_id: UUID) -> HttpResponse:
        assignment = assignment_with_lost_drafts(user=user_of(request), assignment_id=assignment_id)
        return send_mask(request, lost_draft(assignment=assignment, lost_id=lost_id))
