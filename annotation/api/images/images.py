"""An image as staff see it; readers see cases."""

from __future__ import annotations

from rest_framework import serializers

from annotation.models import Image
from annotation.selectors.reading.cases import case_key


class ImageSerializer(serializers.ModelSerializer[Image]):
    """An image as staff see it in a list; readers see cases."""

    split = serializers.CharField(source="patient.split", read_only=True)
    case_key = serializers.SerializerMethodField()

    class Meta:
        model = Image
        fields = [
            "id",
            "case_key",
            "file_name",
            "source",
            "group",
            "finding",
            "view_position",
            "split",
            "width",
            "height",
            "bits",
            "spacing_mm",
            "withdrawn_at",
            "created_at",
        ]

    def get_case_key(self, image: Image) -> str:
        return case_key(image)
