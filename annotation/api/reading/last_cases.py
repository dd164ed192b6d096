"""A reader's last cases: the list, their small pictures, opening one again and leaving it."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from annotation import storage
from annotation.api.content_types import AnyAccept, keyed_etag, send_bytes
from annotation.api.persons import person
from annotation.api.reading.cases import CaseSerializer, case_body
from annotation.api.reading.last_case_serializers import LastCaseSerializer, last_case_body
from annotation.api.schema import PNG_BYTES, PROBLEMS, SAVE_PROBLEMS
from annotation.errors import NotFound
from annotation.permissions import Permission, project_for
from annotation.selectors.reading.access import assignment_for
from annotation.selectors.reading.cases import case_of
from annotation.selectors.reading.last_cases import last_cases, shown_last_case
from annotation.services.reading import reopening
from mlloop.pixels.masks import decode_mask, encode_wire_mask


class LastCasesView(APIView):
    """`projects/{slug}/last-cases/`: the caller's own, ten at most, so there are no pages."""

    @extend_schema(
        operation_id="list_last_cases",
        responses={200: LastCaseSerializer(many=True), **PROBLEMS},
    )
    def get(self, request: Request, slug: str) -> Response:
        project = project_for(person(request), slug, Permission.READ_CASES)
        rows = last_cases(project=project, reader=person(request))
        response = Response([LastCaseSerializer(last_case_body(row)).data for row in rows])
        response["Cache-Control"] = "no-store"
        return response


class ReopenView(APIView):
    """`assignments/{id}/reopen/`: open a submitted case again, or leave it as it was."""

    @extend_schema(
        operation_id="reopen", request=None, responses={200: CaseSerializer, **SAVE_PROBLEMS}
    )
    def post(self, request: Request, submitted_id: UUID) -> Response:
        assignment = assignment_for(user=person(request), assignment_id=submitted_id)
        reopened = reopening.reopen_case(assignment=assignment, reader=person(request))
        response = Response(CaseSerializer(case_body(case_of(reopened))).data)
        response["Cache-Control"] = "no-store"
        return response

    @extend_schema(operation_id="leave_as_it_was", responses={204: None, **SAVE_PROBLEMS})
    def delete(self, request: Request, submitted_id: UUID) -> Response:
        assignment = assignment_for(user=person(request), assignment_id=submitted_id)
        reopening.leave_unchanged(assignment=assignment, reader=person(request))
        return Response(status=204)


class SubmittedThumbnailView(APIView):
    """`assignments/{id}/thumbnail/`: the film of one of the caller's last cases, small."""

    content_negotiation_class = AnyAccept

    @extend_schema(operation_id="submitted_thumbnail", responses={**PNG_BYTES, **PROBLEMS})
    def get(self, request: Request, submitted_id: UUID) -> HttpResponse:
        image = shown_last_case(user=person(request), assignment_id=submitted_id).assignment.image
        data = storage.read(image.thumbnail_key)
        return send_bytes(request, data, etag=keyed_etag(request, image.thumbnail_key))


class SubmittedMaskView(APIView):
    """`assignments/{id}/mask/`: the mask that was submitted last; none of an excluded film."""

    content_negotiation_class = AnyAccept

    @extend_schema(operation_id="submitted_mask", responses={**PNG_BYTES, **PROBLEMS})
    def get(self, request: Request, submitted_id: UUID) -> HttpResponse:
        key = shown_last_case(user=person(request), assignment_id=submitted_id).annotation.mask_key
        if not key:
            raise NotFound("An excluded film has no mask.")
        return send_bytes(
            request,
            encode_wire_mask(decode_mask(storage.read(key))),
            etag=keyed_etag(request, key),
            cache="private, no-cache",
        )
