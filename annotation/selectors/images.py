"""List a project's images, one page at a time, and its imports; a list never holds masks.

Only curators see sealed images. For other people who see images, the sealed ones do not exist.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.db.models import QuerySet

from annotation.errors import NotFound
from annotation.models import Image, Intake, Patient, Project, Split
from annotation.permissions import Permission, Person, may

PAGE_SIZE = 60


@dataclass(frozen=True, slots=True)
class ImageFilter:
    """Which images a list shows; an empty field shows all, but sealed ones only on request."""

    group: str = ""
    split: str = ""
    state: str = "active"
    with_sealed: bool = False


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


def images_of(project: Project, image_filter: ImageFilter) -> QuerySet[Image]:
    """Return the project's images that pass the filter, in the order of their import."""
    rows = Image.objects.filter(project=project)
    if not image_filter.with_sealed:
        rows = rows.exclude(patient__split=Split.SEALED)
    if image_filter.group:
        rows = rows.filter(group=image_filter.group)
    if image_filter.split:
        rows = rows.filter(patient__split=image_filter.split)
    if image_filter.state == "active":
        rows = rows.filter(withdrawn_at=None)
    elif image_filter.state == "withdrawn":
        rows = rows.filter(withdrawn_at__isnull=False)
    return rows.order_by("created_at", "id")


def image_page(*, project: Project, image_filter: ImageFilter, number: int = 1) -> ImagePage:
    """Return one page with two queries; a number beyond the last page gives the last page."""
    rows = images_of(project, image_filter)
    total = rows.count()
    pages = max(1, -(-total // PAGE_SIZE))
    number = min(max(number, 1), pages)
    start = (number - 1) * PAGE_SIZE
    images = list(rows.select_related("patient", "study")[start : start + PAGE_SIZE])
    return ImagePage(images, number, pages, total)


def image_of(*, project: Project, image_id: UUID) -> Image:
    """Return one image; raise NotFound if the project has no such image."""
    rows = Image.objects.select_related("project", "patient", "study")
    image = rows.filter(project=project, pk=image_id).first()
    if image is None:
        raise NotFound("There is no such image in this project.")
    return image


def listed_image(*, person: Person, project: Project, image_id: UUID) -> Image:
    """Return an image that `person` may see in the list; raise NotFound for any other."""
    image = image_of(project=project, image_id=image_id)
    if image.patient.split == Split.SEALED and not sees_sealed(person, project):
        raise NotFound("There is no such image in this project.")
    return image


def sees_sealed(person: Person, project: Project) -> bool:
    """Say whether the person may see the films and names of sealed images."""
    return may(person, Permission.SEE_SEALED_IMAGES, project)


def is_unreadable(image: Image) -> bool:
    """Say whether nobody may read the image: it or its patient was withdrawn or quarantined."""
    return image.withdrawn_at is not None or image.patient.state != Patient.State.ACTIVE


def recent_intakes(*, project: Project, limit: int = 20) -> list[Intake]:
    """Return the newest imports of a project."""
    rows = project.intakes.select_related("actor").order_by("-created_at")
    return list(rows[:limit])


def intake_of(*, project: Project, intake_id: UUID) -> Intake:
    """Return one import; raise NotFound if the project has no such import."""
    intake = project.intakes.select_related("actor").filter(pk=intake_id).first()
    if intake is None:
        raise NotFound("There is no such import in this project.")
    return intake


FILTER_CHOICES = {
    "group": Image.Group.values,
    "split": Split.values,
    "state": ["active", "withdrawn", "all"],
}
