"""The masks and layers of a reader's own open case; a blind one has no probability or layer."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from annotation import storage
from annotation.api.content_types import AnyAccept, keyed_etag, send_bytes
from annotation.api.persons import person
from annotation.api.schema import PNG_BYTES, PROBLEMS
from annotation.errors import NotFound
from annotation.selectors.reading.access import candidate_for, layer_for
from annotation.services.reading.candidates import mask_at
from mlloop.pixels.masks import decode_probability, encode_wire_mask
from mlloop.pixels.raster import threshold_mask


class CandidateMaskView(APIView):
    """`candidates/{id}/mask/`: 1-bit PNG at the image's size."""

    content_negotiation_class = AnyAccept

    @extend_schema(operation_id="candidate_mask", responses={**PNG_BYTES, **PROBLEMS})
    def get(self, request: Request, candidate_id: UUID) -> HttpResponse:
        candidate = candidate_for(user=person(request), candidate_id=candidate_id)
        png = encode_wire_mask(mask_at(candidate))
        return send_bytes(request, png, etag=keyed_etag(request, f"candidate:{candidate.id}"))


class CandidateProbabilityView(APIView):
    """`candidates/{id}/probability/`: p8 at the network's grid; 404 in a blind read."""

    content_negotiation_class = AnyAccept

    @extend_schema(operation_id="candidate_probability", responses={**PNG_BYTES, **PROBLEMS})
    def get(self, request: Request, candidate_id: UUID) -> HttpResponse:
        candidate = candidate_for(user=person(request), candidate_id=candidate_id)
        if candidate.assignment.is_blind or candidate.proposal is None:
            raise NotFound("There is no probability map for this candidate.")
        key = candidate.proposal.probability_key
        return send_bytes(request, storage.read(key), etag=keyed_etag(request, key))


class LungLayerView(APIView):
    """`assignments/{id}/lung/`: the ensemble's lung mask, 1-bit PNG; 404 in a blind read."""

    content_negotiation_class = AnyAccept

    @extend_schema(operation_id="lung_layer", responses={**PNG_BYTES, **PROBLEMS})
    def get(self, request: Request, assignment_id: UUID) -> HttpResponse:
        lung = layer_for(user=person(request), assignment_id=assignment_id, label="lung")
        p8 = decode_probability(storage.read(lung.probability_key))
        shape = (lung.image.height, lung.image.width)
        png = encode_wire_mask(threshold_mask(p8, shape=shape, t8=lung.threshold))
        return send_bytes(request, png, etag=keyed_etag(request, f"lung:{lung.id}"))


class DisagreementLayerView(APIView):
    """`assignments/{id}/disagreement/`: spread of the networks, p8 at their grid; 404 if blind."""

    content_negotiation_class = AnyAccept

    @extend_schema(operation_id="disagreement_layer", responses={**PNG_BYTES, **PROBLEMS})
    def get(self, request: Request, assignment_id: UUID) -> HttpResponse:
        row = layer_for(user=person(request), assignment_id=assignment_id, label="infection")
        if not row.disagreement_key:
            raise NotFound("The networks of this round left no map of their disagreement.")
        key = row.disagreement_key
        return send_bytes(request, storage.read(key), etag=keyed_etag(request, key))


class ActivationLayerView(APIView):
    """`assignments/{id}/activation/`: where the classifier looked, p8 at its grid; 404 if blind."""

    content_negotiation_class = AnyAccept

    @extend_schema(operation_id="activation_layer", responses={**PNG_BYTES, **PROBLEMS})
    def get(self, request: Request, assignment_id: UUID) -> HttpResponse:
        look = layer_for(user=person(request), assignment_id=assignment_id, label="activation")
        key = look.probability_key
        return send_bytes(request, storage.read(key), etag=keyed_etag(request, key))
