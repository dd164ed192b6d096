"""The JSON Schema of a round plan, for editors and programs that write one."""

from __future__ import annotations

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from annotation.api.schema import PROBLEMS
from mlloop.contract.schema import plan_schema


class PlanSchemaView(APIView):
    """The JSON Schema of a plan. Rules between several fields are checked when a plan is sent."""

    @extend_schema(operation_id="get_plan_schema", responses={200: OpenApiTypes.OBJECT, **PROBLEMS})
    def get(self, request: Request) -> Response:
        return Response(plan_schema())
