"""Answer an unknown path of the API with a problem document instead of a page."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.views import APIView

from annotation.errors import NotFound


@extend_schema(exclude=True)
class UnknownView(APIView):
    """Every other path under /api/v1/."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    def initial(self, request: Request, *args: object, **kwargs: object) -> None:
        raise NotFound("The API has no such path; /api/v1/docs/ lists all paths.")
