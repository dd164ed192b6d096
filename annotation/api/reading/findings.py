"""Severity and lesions of an open read, from the ensemble's proposal.

The learning side computed these findings; they are passed on unchanged.
"""

from __future__ import annotations

from rest_framework import serializers

from mlloop.pixels.severity import GRADES
from mlloop.pixels.thorax import ZONES

Json = dict[str, object]


class _PartSerializer(serializers.Serializer[Json]):
    name = serializers.CharField()
    pixels = serializers.IntegerField()
    infected = serializers.IntegerField()
    share = serializers.FloatField(allow_null=True)


class _BorderSerializer(serializers.Serializer[Json]):
    """The border between two zones of a lung, in pixels of the image; `right` is exclusive."""

    row = serializers.IntegerField()
    left = serializers.IntegerField()
    right = serializers.IntegerField()


class _LungSerializer(_PartSerializer):
    zones = _PartSerializer(many=True)
    borders = _BorderSerializer(
        many=True, required=False, help_text="Absent in rounds of older versions."
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
