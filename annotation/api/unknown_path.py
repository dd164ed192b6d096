"""Answer an unknown path of the API with a problem document instead of a page."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.views import APIView

from annotation.errors import NotFound


@extend_schema(exclude=True)
class UnknownView(APIView):
    """Answer every path under /api/v1/ that has no view."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    def initial(self, request: Request, *args: object, **kwargs: object) -> None:
        """Raise NotFound before the method is looked at; otherwise the answer would be 405."""
        raise NotFound("The API has no such path; /api/v1/docs/ lists all paths.")
