"""The other images of the same patient, to compare with an open case: the image and nothing else.

Masks, groups, sources, names and findings of these images are never shown to a reader.
"""

from __future__ import annotations

from django.db.models import F, Q, QuerySet

from annotation.models import Assignment, Image, Patient, User


def comparisons_of(image: Image) -> QuerySet[Image]:
    """Return the other images of the patient, the earliest day first and unknown days last.

    Withdrawn images, and images of a withdrawn or quarantined patient, are left out.
    """
    rows = Image.objects.filter(
        patient=image.patient_id, patient__state=Patient.State.ACTIVE, withdrawn_at=None
    )
    in_order = rows.order_by(F("study__day").asc(nulls_last=True), "id")
    return in_order.exclude(pk=image.pk).select_related("study")


def has_comparisons(image: Image) -> bool:
    """Return whether the patient has another image to compare with."""
    return comparisons_of(image).exists()


def is_beside_open_case(*, user: User, image: Image) -> bool:
    """Return whether `user` holds an open case of this image, or of an image compared with it."""
    shown = Q(image=image)
    if image.withdrawn_at is None:
        shown |= Q(image__patient=image.patient_id, image__patient__state=Patient.State.ACTIVE)
    held = Assignment.objects.filter(
        project=image.project_id, reader=user, state__in=Assignment.HELD
    )
    return held.filter(shown).exists()
