"""Severity, lesions and layers of an open read: what the ensemble's proposal means in the lungs.

The findings are passed on as the learning side wrote them; nothing here computes.
"""

from __future__ import annotations

from uuid import UUID

from django.urls import reverse
from rest_framework import serializers

from annotation.models import Proposal
from mlloop.pixels.severity import GRADES
from mlloop.pixels.thorax import ZONES

Json = dict[str, object]


class _PartSerializer(serializers.Serializer[Json]):
    name = serializers.CharField()
    pixels = serializers.IntegerField()
    infected = serializers.IntegerField()
    share = serializers.FloatField(allow_null=True)


class _BorderSerializer(serializers.Serializer[Json]):
    """Where two zones of a lung meet, in pixels of the image; `right` is beyond the lung."""

    row = serializers.IntegerField()
    left = serializers.IntegerField()
    right = serializers.IntegerField()


class _LungSerializer(_PartSerializer):
    zones = _PartSerializer(many=True)
    borders = _BorderSerializer(
        many=True, required=False, help_text="Absent in a round older than they are."
    )


class _LesionSerializer(serializers.Serializer[Json]):
    pixels = serializers.IntegerField()
    area_mm2 = serializers.FloatField(allow_null=True)
    side = serializers.ChoiceField(choices=["right", "left", "outside"], allow_null=True)
    zone = serializers.ChoiceField(choices=list(ZONES), allow_null=True)


class FindingsSerializer(serializers.Serializer[Json]):
    """`mlloop.pixels.severity.Findings` of the ensemble's proposal, at its threshold."""

    schema = serializers.IntegerField()
    grade = serializers.ChoiceField(choices=list(GRADES), allow_null=True)
    reason = serializers.CharField(allow_blank=True)
    cutoffs = serializers.ListField(child=serializers.FloatField())
    both = _PartSerializer()
    lungs = _LungSerializer(many=True)
    outside_pixels = serializers.IntegerField()
    n_lesions = serializers.IntegerField()
    lesions = _LesionSerializer(many=True)
    smallest_lesion_pixels = serializers.IntegerField()
    n_smaller = serializers.IntegerField()
    smaller_pixels = serializers.IntegerField()


class LayersSerializer(serializers.Serializer[Json]):
    """Where the layers of an open read are; null where there is none."""

    lung_url = serializers.CharField(allow_null=True)
    disagreement_url = serializers.CharField(allow_null=True)
    activation_url = serializers.CharField(allow_null=True)


def layers_body(assignment_id: UUID, ensemble: Proposal, *, has_activation: bool) -> Json:
    """Return the layers that the ensemble's proposal has; a lung is there if it has any pixel."""
    has_lung = ensemble.findings["both"]["pixels"] > 0
    spread = reverse("api:disagreement-layer", args=[assignment_id])
    look = reverse("api:activation-layer", args=[assignment_id])
    return {
        "lung_url": reverse("api:lung-layer", args=[assignment_id]) if has_lung else None,
        "disagreement_url": spread if ensemble.disagreement_key else None,
        "activation_url": look if has_activation else None,
    }
