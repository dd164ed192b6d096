"""A reader's own case: its draft, its lease, its submission; and the curator's reassigning."""

from __future__ import annotations

from dataclasses import asdict
from typing import cast
from uuid import UUID

from django.http import HttpResponse
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from annotation.api.content_types import PNG, AnyAccept, PngParser, etags
from annotation.api.general_serializers import OpenAssignmentSerializer, ReassignSerializer
from annotation.api.persons import person
from annotation.api.reading.cases import draft_url
from annotation.api.reading.masks import send_mask
from annotation.api.reading.submission_serializers import (
    AssignmentHeadSerializer,
    AssignmentPatchSerializer,
    DraftBasisSerializer,
    SavedDraftSerializer,
    SubmitRequestSerializer,
    SubmittedSerializer,
)
from annotation.api.schema import BASIS_HEADERS, LABEL, PNG_BYTES, PROBLEMS, SAVE_PROBLEMS
from annotation.errors import DraftMoved, Invalid, StaleDraft
from annotation.models import Assignment, Label, User
from annotation.selectors.labels import READING_LABEL, label_of
from annotation.selectors.reading.access import assignment_for, assignment_to_reassign
from annotation.services.reading import drafts, leases, reassigning, submission


class AssignmentView(APIView):
    """`assignments/{id}/`: note, flag, save for later."""

    @extend_schema(
        operation_id="update_assignment",
        request=AssignmentPatchSerializer,
        responses={200: AssignmentHeadSerializer, **SAVE_PROBLEMS},
    )
    def patch(self, request: Request, assignment_id: UUID) -> Response:
        assignment = assignment_for(user=person(request), assignment_id=assignment_id)
        asked = AssignmentPatchSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        data = asked.validated_data
        assignment = leases.update_assignment(
            assignment=assignment,
            reader=person(request),
            note=data.get("note"),
            is_flagged=data.get("flagged"),
            is_saved_for_later=data.get("saved_for_later"),
        )
        return Response(AssignmentHeadSerializer(assignment).data)


class LeaseView(APIView):
    """`assignments/{id}/lease/`: give an unstarted case back."""

    @extend_schema(operation_id="give_back", responses={204: None, **SAVE_PROBLEMS})
    def delete(self, request: Request, assignment_id: UUID) -> Response:
        assignment = assignment_for(user=person(request), assignment_id=assignment_id)
        leases.give_back_case(assignment=assignment, reader=person(request))
        return Response(status=204)


class DraftView(APIView):
    """`assignments/{id}/draft/?label=`: the whole mask, guarded by its ETag."""

    content_negotiation_class = AnyAccept
    parser_classes = (PngParser,)

    @extend_schema(
        operation_id="get_draft",
        parameters=[LABEL, *BASIS_HEADERS],
        responses={**PNG_BYTES, **PROBLEMS},
    )
    def get(self, request: Request, assignment_id: UUID) -> HttpResponse:
        assignment = assignment_for(user=person(request), assignment_id=assignment_id)
        draft = drafts.current_draft(assignment=assignment, label=_label(request, assignment))
        return send_mask(request, draft)

    @extend_schema(
        operation_id="save_draft",
        parameters=[
            LABEL,
            DraftBasisSerializer,
            OpenApiParameter("If-Match", str, OpenApiParameter.HEADER),
            OpenApiParameter("If-None-Match", str, OpenApiParameter.HEADER),
            OpenApiParameter("X-Stroke", int, OpenApiParameter.HEADER),
        ],
        request={PNG: OpenApiTypes.BINARY},
        responses={200: SavedDraftSerializer, 201: SavedDraftSerializer, **SAVE_PROBLEMS},
    )
    def put(self, request: Request, assignment_id: UUID) -> Response:
        assignment = assignment_for(user=person(request), assignment_id=assignment_id)
        label = _label(request, assignment)
        try:
            saved = _save(request, assignment, label)
        except StaleDraft as stale:
            lost = reverse("api:lost-draft", args=[assignment.id, stale.lost_draft])
            stale.current_url, stale.yours_url = draft_url(assignment.id, label.key), lost
            raise
        response = Response(
            SavedDraftSerializer(asdict(saved)).data, status=201 if saved.is_new else 200
        )
        response["ETag"] = f'"{saved.etag}"'
        return response


class SubmitView(APIView):
    """`POST assignments/{id}/submit/`: the decision, once for each client id."""

    @extend_schema(
        operation_id="submit",
        request=SubmitRequestSerializer,
        responses={200: SubmittedSerializer, 201: SubmittedSerializer, **SAVE_PROBLEMS},
    )
    def post(self, request: Request, assignment_id: UUID) -> Response:
        assignment = assignment_for(user=person(request), assignment_id=assignment_id)
        asked = SubmitRequestSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        data = dict(asked.validated_data)
        label = _readable(label_of(assignment.project, data.pop("label")))
        try:
            submitted = submission.submit_annotation(
                assignment=assignment,
                reader=person(request),
                label=label,
                is_flagged=data.pop("flagged"),
                **data,
            )
        except DraftMoved as moved:
            moved.current_url = draft_url(assignment.id, label.key)
            raise
        annotation = submitted.annotation
        body = {"annotation": annotation.id, "verdict": annotation.verdict}
        status = 200 if submitted.is_repeat else 201
        return Response(SubmittedSerializer(body).data, status=status)


class ReassignView(APIView):
    """`POST assignments/{id}/reassign/`: a curator gives an open case to somebody else."""

    @extend_schema(
        operation_id="reassign",
        request=ReassignSerializer,
        responses={200: OpenAssignmentSerializer, 204: None, **SAVE_PROBLEMS},
    )
    def post(self, request: Request, assignment_id: UUID) -> Response:
        assignment = assignment_to_reassign(user=person(request), assignment_id=assignment_id)
        asked = ReassignSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        name = asked.validated_data["reader"]
        to = User.objects.filter(username=name).first() if name is not None else None
        if name is not None and to is None:
            raise Invalid(f"{name} does not read in this project.", field="reader")
        given = reassigning.reassign_case(assignment=assignment, to=to, actor=person(request))
        if given is None:
            return Response(status=204)
        return Response(OpenAssignmentSerializer(given).data)


def _save(request: Request, assignment: Assignment, label: Label) -> drafts.SavedDraft:
    matches = etags(request.headers.get("If-Match"))
    stroke = request.headers.get("X-Stroke", "0")
    if not stroke.isdecimal():
        raise Invalid("X-Stroke is the client's stroke number.", field="X-Stroke")
    basis = DraftBasisSerializer(data=request.query_params)
    basis.is_valid(raise_exception=True)
    return drafts.save_draft(
        assignment=assignment,
        reader=person(request),
        label=label,
        png=cast(bytes, request.data),
        if_match=matches[0] if matches else None,
        if_none_match=request.headers.get("If-None-Match"),
        stroke=int(stroke),
        **basis.validated_data,
    )


def _label(request: Request, assignment: Assignment) -> Label:
    return _readable(label_of(assignment.project, request.query_params.get("label", READING_LABEL)))


def _readable(label: Label) -> Label:
    if label.key != READING_LABEL:
        raise Invalid(f"This case is read for {READING_LABEL}, not {label.key}.", field="label")
    return label
