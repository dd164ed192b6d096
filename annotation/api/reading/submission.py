"""`assignments/{id}/submit/`: the decision about a case."""

from __future__ import annotations

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from annotation.api.authentication import user_of
from annotation.api.reading.cases import draft_url
from annotation.api.reading.labels import reading_label
from annotation.api.schema import SAVE_PROBLEMS
from annotation.errors import DraftMoved
from annotation.models import Annotation, Verdict
from annotation.selectors.reading.access import assignment_for
from annotation.services.reading.submission import submit_annotation

Json = dict[str, object]


class SubmitRequestSerializer(serializers.Serializer[Json]):
    """A reader's decision; the server derives the verdict."""

    client_id = serializers.UUIDField()
    label = serializers.CharField(max_length=40)  # type: ignore[assignment]
    decision = serializers.ChoiceField(choices=["accept", "no_infection", "exclude"])
    draft_etag = serializers.CharField(
        max_length=80,
        allow_null=True,
        default=None,
        help_text="The draft that the reader decided about; null if no draft was saved.",
    )
    candidate = serializers.UUIDField(allow_null=True, default=None)
    threshold = serializers.IntegerField(min_value=1, max_value=255, allow_null=True, default=None)
    exclusion_reason = serializers.ChoiceField(
        choices=[value for value in Annotation.Exclusion.values if value],
        allow_null=True,
        default=None,
    )
    note = serializers.CharField(max_length=4000, allow_blank=True, default="")
    flagged = serializers.BooleanField(default=False)
    active_seconds = serializers.FloatField(min_value=0.0, default=0.0)
    strokes = serializers.IntegerField(min_value=0, max_value=1_000_000, default=0)


class SubmittedSerializer(serializers.Serializer[Json]):
    """The annotation that was written."""

    annotation = serializers.UUIDField()
    verdict = serializers.ChoiceField(choices=Verdict.choices)


class SubmitView(APIView):
    """`POST assignments/{id}/submit/`: submit a decision. A repeated client id changes nothing."""

    @extend_schema(
        operation_id="submit",
        request=SubmitRequestSerializer,
        responses={200: SubmittedSerializer, 201: SubmittedSerializer, **SAVE_PROBLEMS},
    )
    def post(self, request: Request, assignment_id: UUID) -> Response:
        assignment = assignment_for(user=user_of(request), assignment_id=assignment_id)
        payload = SubmitRequestSerializer(data=request.data)
        payload.is_valid(raise_exception=True)
        data = dict(payload.validated_data)
        label = reading_label(assignment, data.pop("label"))
        try:
            submitted = submit_annotation(
                assignment=assignment,
                reader=user_of(request),
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
