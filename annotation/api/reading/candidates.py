"""Masks and probability maps of the candidates of a reader's open case."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from annotation import storage
from annotation.api.authentication import user_of
from annotation.api.content_types import AnyAccept
from annotation.api.etags import keyed_etag, send_bytes
from annotation.api.schema import PNG_BYTES, PROBLEMS
from annotation.errors import NotFound
from annotation.selectors.reading.access import candidate_for
from annotation.services.reading.candidates import mask_at
from mlloop.pixels.masks import encode_wire_mask


class CandidateMaskView(APIView):
    """`candidates/{id}/mask/`: the mask as a 1-bit PNG of the image's size."""

    content_negotiation_class = AnyAccept

    @extend_schema(operation_id="candidate_mask", responses={**PNG_BYTES, **PROBLEMS})
    def get(self, request: Request, candidate_id: UUID) -> HttpResponse:
        candidate = candidate_for(user=user_of(request), candidate_id=candidate_id)
        png = encode_wire_mask(mask_at(candidate))
        return send_bytes(request, png, etag=keyed_etag(request, f"candidate:{candidate.id}"))


class CandidateProbabilityView(APIView):
    """`candidates/{id}/probability/`: 8-bit PNG at the network's grid; 404 in a blind read."""

    content_negotiation_class = AnyAccept

    @extend_schema(operation_id="candidate_probability", responses={**PNG_BYTES, **PROBLEMS})
    def get(self, request: Request, candidate_id: UUID) -> HttpResponse:
        candidate = candidate_for(user=user_of(request), candidate_id=candidate_id)
        if candidate.assignment.is_blind or candidate.proposal is None:
            raise NotFound("There is no probability map for this candidate.")
        key = candidate.proposal.probability_key
        return send_bytes(request, storage.read(key), etag=keyed_etag(request, key))
