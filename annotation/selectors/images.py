"""List a project's images, a page at a time; masks and reads are never part of the list."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.db.models import QuerySet

from annotation.errors import NotFound
from annotation.models import Image, Intake, Patient, Project, Split

PAGE_SIZE = 60


@dataclass(frozen=True, slots=True)
class ImageFilter:
    """Which images a list shows; an empty field shows all."""

    group: str = ""
    split: str = ""
    state: str = "active"


@dataclass(frozen=True, slots=True)
class ImagePage:
    """One page of the list, and its place among the pages."""

    images: list[Image]
    number: int
    pages: int
    total: int

    @property
    def before(self) -> int | None:
        return self.number - 1 if self.number > 1 else None

    @property
    def after(self) -> int | None:
        return self.number + 1 if self.number < self.pages else None


def images_of(project: Project, narrowed: ImageFilter) -> QuerySet[Image]:
    """Return the project's images in the order they came."""
    rows = Image.objects.filter(project=project)
    if narrowed.group:
        rows = rows.filter(group=narrowed.group)
    if narrowed.split:
        rows = rows.filter(patient__split=narrowed.split)
    if narrowed.state == "active":
        rows = rows.filter(withdrawn_at=None)
    elif narrowed.state == "withdrawn":
        rows = rows.filter(withdrawn_at__isnull=False)
    return rows.order_by("created_at", "id")


def image_page(*, project: Project, narrowed: ImageFilter, number: int = 1) -> ImagePage:
    """Return one page; a number beyond the last gives the last. Two queries."""
    rows = images_of(project, narrowed)
    total = rows.count()
    pages = max(1, -(-total // PAGE_SIZE))
    number = min(max(number, 1), pages)
    start = (number - 1) * PAGE_SIZE
    images = list(rows.select_related("patient", "study")[start : start + PAGE_SIZE])
    return ImagePage(images, number, pages, total)


def image_of(*, project: Project, image_id: UUID) -> Image:
    """Return one image of the project; raise NotFound for any other."""
    rows = Image.objects.select_related("project", "patient", "study")
    image = rows.filter(project=project, pk=image_id).first()
    if image is None:
        raise NotFound("There is no such image in this project.")
    return image


def is_unreadable(image: Image) -> bool:
    """Say whether the image or its patient was withdrawn or quarantined: then nobody reads it."""
    return image.withdrawn_at is not None or image.patient.state != Patient.State.ACTIVE


def recent_intakes(*, project: Project, limit: int = 20) -> list[Intake]:
    """Return the newest imports of a project."""
    rows = project.intakes.select_related("actor").order_by("-created_at")
    return list(rows[:limit])


def intake_of(*, project: Project, intake_id: UUID) -> Intake:
    """Return one import of the project; raise NotFound for any other."""
    intake = project.intakes.select_related("actor").filter(pk=intake_id).first()
    if intake is None:
        raise NotFound("There is no such import in this project.")
    return intake


FILTER_CHOICES = {
    "group": Image.Group.values,
    "split": Split.values,
    "state": ["active", "withdrawn", "all"],
}
