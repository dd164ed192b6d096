"""`projects/{slug}/next/`: lease the next case."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from annotation.api.authentication import user_of
from annotation.api.reading.cases import CaseSerializer, case_response
from annotation.api.schema import PROBLEMS
from annotation.permissions import Permission, project_for
from annotation.selectors.reading.worklist import ORDER
from annotation.services.reading.next_case import lease_next_case


class NextRequestSerializer(serializers.Serializer[dict[str, object]]):
    """Which case the page asks for: none of `exclude`, of one `purpose`, now or as a prefetch."""

    prefetch = serializers.BooleanField(default=False)
    exclude = serializers.ListField(child=serializers.UUIDField(), default=list, max_length=20)
    purpose = serializers.ChoiceField(
        choices=[purpose.value for purpose in ORDER], required=False, allow_null=True
    )


class NextView(APIView):
    """`POST projects/{slug}/next/`: lease the next case; 204 if no case waits."""

    @extend_schema(
        operation_id="lease_next",
        request=NextRequestSerializer,
        responses={200: CaseSerializer, 204: None, **PROBLEMS},
    )
    def post(self, request: Request, slug: str) -> Response:
        project = project_for(user_of(request), slug, Permission.READ_CASES)
        payload = NextRequestSerializer(data=request.data)
        payload.is_valid(raise_exception=True)
        assignment = lease_next_case(
            project=project,
            reader=user_of(request),
            is_prefetch=payload.validated_data["prefetch"],
            exclude=payload.validated_data["exclude"],
            purpose=payload.validated_data.get("purpose"),
        )
        if assignment is None:
            return Response(status=204)
        return case_response(assignment)
