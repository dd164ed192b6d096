"""Layers of an open read, computed by the networks. A blind read has no layers."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.views import APIView

from annotation import storage
from annotation.api.authentication import user_of
from annotation.api.content_types import AnyAccept
from annotation.api.etags import keyed_etag, send_bytes
from annotation.api.schema import PNG_BYTES, PROBLEMS
from annotation.errors import NotFound
from annotation.models import Proposal
from annotation.selectors.reading.access import layer_for
from mlloop.pixels.masks import decode_probability, encode_wire_mask
from mlloop.pixels.raster import threshold_mask

Json = dict[str, object]


class LayersSerializer(serializers.Serializer[Json]):
    """Addresses of the layers of an open read; null for a missing layer."""

    lung_url = serializers.CharField(allow_null=True)
    disagreement_url = serializers.CharField(allow_null=True)
    activation_url = serializers.CharField(allow_null=True)


class LungLayerView(APIView):
    """`assignments/{id}/lung/`: the ensemble's lung mask as a 1-bit PNG; 404 in a blind read."""

    content_negotiation_class = AnyAccept

    @extend_schema(operation_id="lung_layer", responses={**PNG_BYTES, **PROBLEMS})
    def get(self, request: Request, assignment_id: UUID) -> HttpResponse:
        lung = layer_for(user=user_of(request), assignment_id=assignment_id, label="lung")
        p8 = decode_probability(storage.read(lung.probability_key))
        shape = (lung.image.height, lung.image.width)
        png = encode_wire_mask(threshold_mask(p8, shape=shape, t8=lung.threshold))
        return send_bytes(request, png, etag=keyed_etag(request, f"lung:{lung.id}"))


class DisagreementLayerView(APIView):
    """Spread among the networks as an 8-bit PNG at their grid; 404 in a blind read."""

    content_negotiation_class = AnyAccept

    @extend_schema(operation_id="disagreement_layer", responses={**PNG_BYTES, **PROBLEMS})
    def get(self, request: Request, assignment_id: UUID) -> HttpResponse:
        row = layer_for(user=user_of(request), assignment_id=assignment_id, label="infection")
        if not row.disagreement_key:
            raise NotFound("This round has no map of the networks' disagreement.")
        key = row.disagreement_key
        return send_bytes(request, storage.read(key), etag=keyed_etag(request, key))


class ActivationLayerView(APIView):
    """The classifier's Grad-CAM map as an 8-bit PNG at its grid; 404 in a blind read."""

    content_negotiation_class = AnyAccept

    @extend_schema(operation_id="activation_layer", responses={**PNG_BYTES, **PROBLEMS})
    def get(self, request: Request, assignment_id: UUID) -> HttpResponse:
        activation = layer_for(
            user=user_of(request), assignment_id=assignment_id, label="activation"
        )
        key = activation.probability_key
        return send_bytes(request, storage.read(key), etag=keyed_etag(request, key))


def layers_body(assignment_id: UUID, ensemble: Proposal, *, has_activation: bool) -> Json:
    """Return the addresses of the ensemble's layers; no lung layer if no lung was found."""
    has_lung = ensemble.findings["both"]["pixels"] > 0
    disagreement = reverse("api:disagreement-layer", args=[assignment_id])
    activation = reverse("api:activation-layer", args=[assignment_id])
    return {
        "lung_url": reverse("api:lung-layer", args=[assignment_id]) if has_lung else None,
        "disagreement_url": disagreement if ensemble.disagreement_key else None,
        "activation_url": activation if has_activation else None,
    }
