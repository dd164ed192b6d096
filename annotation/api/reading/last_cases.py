"""A reader's last cases: the list, thumbnails and masks, reopening one and leaving it unchanged."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from annotation import storage
from annotation.api.authentication import user_of
from annotation.api.content_types import AnyAccept
from annotation.api.etags import keyed_etag, send_bytes
from annotation.api.reading.cases import CaseSerializer, case_response
from annotation.api.schema import PNG_BYTES, PROBLEMS, SAVE_PROBLEMS
from annotation.errors import NotFound
from annotation.models import Annotation, Verdict
from annotation.permissions import Permission, project_for
from annotation.selectors.reading.access import assignment_for
from annotation.selectors.reading.cases import case_key
from annotation.selectors.reading.last_cases import LastCase, last_cases, shown_last_case
from annotation.services.reading import reopening
from mlloop.pixels.masks import decode_mask, encode_wire_mask

Json = dict[str, object]


class LastCaseSerializer(serializers.Serializer[Json]):
    """One of the reader's last cases: the reader's own decision, and nothing about any proposal."""

    assignment = serializers.UUIDField()
    case_key = serializers.CharField()
    day = serializers.IntegerField(allow_null=True)
    view = serializers.CharField(allow_blank=True)
    verdict = serializers.ChoiceField(choices=Verdict.choices)
    exclusion_reason = serializers.ChoiceField(
        choices=[value for value in Annotation.Exclusion.values if value], allow_null=True
    )
    submitted_at = serializers.DateTimeField()
    has_note = serializers.BooleanField()
    flagged = serializers.BooleanField()
    reopened = serializers.BooleanField(
        help_text="Whether the case is reopened now. Reopening it again continues it."
    )
    refusal = serializers.CharField(
        allow_null=True, help_text="Why the case cannot be reopened; null if it can be."
    )
    thumbnail_url = serializers.CharField(allow_null=True)
    mask_url = serializers.CharField(allow_null=True)


class LastCasesView(APIView):
    """`projects/{slug}/last-cases/`: the caller's last cases, at most ten, in a plain list."""

    @extend_schema(
        operation_id="list_last_cases",
        responses={200: LastCaseSerializer(many=True), **PROBLEMS},
    )
    def get(self, request: Request, slug: str) -> Response:
        project = project_for(user_of(request), slug, Permission.READ_CASES)
        rows = last_cases(project=project, reader=user_of(request))
        response = Response([LastCaseSerializer(last_case_body(row)).data for row in rows])
        response["Cache-Control"] = "no-store"
        return response


class ReopenView(APIView):
    """`assignments/{id}/reopen/`: reopen a submitted case, or leave it as it was."""

    @extend_schema(
        operation_id="reopen", request=None, responses={200: CaseSerializer, **SAVE_PROBLEMS}
    )
    def post(self, request: Request, submitted_id: UUID) -> Response:
        assignment = assignment_for(user=user_of(request), assignment_id=submitted_id)
        reopened = reopening.reopen_case(assignment=assignment, reader=user_of(request))
        return case_response(reopened)

    @extend_schema(operation_id="leave_as_it_was", responses={204: None, **SAVE_PROBLEMS})
    def delete(self, request: Request, submitted_id: UUID) -> Response:
        assignment = assignment_for(user=user_of(request), assignment_id=submitted_id)
        reopening.leave_unchanged(assignment=assignment, reader=user_of(request))
        return Response(status=204)


class SubmittedThumbnailView(APIView):
    """`assignments/{id}/thumbnail/`: a thumbnail of one of the caller's last cases."""

    content_negotiation_class = AnyAccept

    @extend_schema(operation_id="submitted_thumbnail", responses={**PNG_BYTES, **PROBLEMS})
    def get(self, request: Request, submitted_id: UUID) -> HttpResponse:
        case = shown_last_case(user=user_of(request), assignment_id=submitted_id)
        image = case.assignment.image
        data = storage.read(image.thumbnail_key)
        return send_bytes(request, data, etag=keyed_etag(request, image.thumbnail_key))


class SubmittedMaskView(APIView):
    """`assignments/{id}/mask/`: the mask that was submitted last. 404 for an excluded image."""

    content_negotiation_class = AnyAccept

    @extend_schema(operation_id="submitted_mask", responses={**PNG_BYTES, **PROBLEMS})
    def get(self, request: Request, submitted_id: UUID) -> HttpResponse:
        case = shown_last_case(user=user_of(request), assignment_id=submitted_id)
        key = case.annotation.mask_key
        if not key:
            raise NotFound("An excluded image has no mask.")
        return send_bytes(
            request,
            encode_wire_mask(decode_mask(storage.read(key))),
            etag=keyed_etag(request, key),
        )


def last_case_body(row: LastCase) -> Json:
    """Return the JSON of a last case. A case that may not be shown has no addresses."""
    image, annotation = row.assignment.image, row.annotation
    ids = [row.assignment.pk]
    return {
        "assignment": row.assignment.pk,
        "case_key": case_key(image),
        "day": image.study.day,
        "view": image.view_position,
        "verdict": annotation.verdict,
        "exclusion_reason": annotation.exclusion_reason or None,
        "submitted_at": annotation.created_at,
        "has_note": bool(annotation.note),
        "flagged": annotation.is_flagged,
        "reopened": row.is_reopened,
        "refusal": row.refusal.sentence if row.refusal else None,
        "thumbnail_url": reverse("api:submitted-thumbnail", args=ids) if row.is_shown else None,
        "mask_url": reverse("api:submitted-mask", args=ids)
        if row.is_shown and annotation.mask_key
        else None,
    }
