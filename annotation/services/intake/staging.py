"""Keep the files of each upload in a folder of its own until a worker has imported them.

Layout: `upload.zip`, `metadata.csv`, `files/`, `masks/`, `lung_masks/`; each may be absent.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Protocol
from uuid import uuid4

from django.conf import settings
from django.db import transaction

from annotation.errors import Invalid, Refused
from annotation.models import Intake, Project, User
from annotation.services import audit
from annotation.services.intake.archive import unpack
from annotation.services.intake.source import METADATA_NAME, Source
from mlloop.contract.splits import Group

_ARCHIVE = "upload.zip"
_MASK_FOLDERS = {"infection": "masks", "lung": "lung_masks"}
# Usual names of mask folders inside a zip. They count only if there is no metadata file, because a
# metadata file names the masks itself.
_USUAL_NAMES = {
    "infection": ("infection_masks", "masks", "Ground-truths"),
    "lung": ("lung_masks",),
}
_MAX_NAME_LENGTH = 200


class Upload(Protocol):
    """One file as the web framework hands it over."""

    @property
    def name(self) -> str | None:
        """Return the file's name on the sender's machine; never use it as a path."""

    @property
    def size(self) -> int | None:
        """Return the number of bytes, if the framework knows it."""

    def chunks(self) -> Iterable[bytes]:
        """Yield the content in pieces."""


@dataclass(frozen=True, slots=True)
class UploadForm:
    """What a person sends on the upload page."""

    images: tuple[Upload, ...] = ()
    archive: Upload | None = None
    metadata: Upload | None = None
    masks: tuple[Upload, ...] = ()
    lung_masks: tuple[Upload, ...] = ()
    masks_as: str = "seed"
    group: str = "covid"


def stage_upload(*, project: Project, actor: User, form: UploadForm) -> Intake:
    """Write the files of an upload to a new folder; return the due row that names it.

    Raises Invalid for a wrong form, and Refused if the disk has too little room.
    """
    _check(form)
    folder = Path(settings.DATA_ROOT) / "staging" / str(uuid4())
    try:
        _write(form, folder)
        with transaction.atomic():
            intake = Intake.objects.create(
                project=project,
                actor=actor,
                folder=str(folder),
                masks_as=form.masks_as,
                group=form.group,
            )
            audit.record(project=project, actor=actor, verb="stage_upload", target=intake.id)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return intake


def source_of_upload(intake: Intake, *, beat: Callable[[], None] = lambda: None) -> Source:
    """Return the source with the files of an upload; unpack its zip if that was not done yet.

    The zip is unpacked into another folder, which is then renamed: a kill leaves no half content.
    """
    staging = Path(intake.folder)
    files = staging / "files"
    archive = staging / _ARCHIVE
    if archive.is_file():
        partial = staging / "unpacking"
        shutil.rmtree(partial, ignore_errors=True)
        if files.is_dir():
            shutil.copytree(files, partial)
        unpack(archive, partial, beat=beat)
        shutil.rmtree(files, ignore_errors=True)
        partial.replace(files)
        archive.unlink()
    if not files.is_dir():
        raise Invalid("The files of this upload no longer exist.", field="folder")
    return _source_in(staging, _root_of(files), _group_of(intake))


def _source_in(staging: Path, root: Path, group: Group) -> Source:
    uploaded, inside = staging / METADATA_NAME, root / METADATA_NAME
    metadata = uploaded if uploaded.is_file() else inside if inside.is_file() else None
    masks = {}
    for key, name in _MASK_FOLDERS.items():
        usual = [] if metadata else [root / usual_name for usual_name in _USUAL_NAMES[key]]
        folders = [folder for folder in (staging / name, *usual) if folder.is_dir()]
        if folders:
            masks[key] = folders[0]
    return Source(root, metadata, masks, group)


def _root_of(files: Path) -> Path:
    """Return the folder with the content; a zip often wraps it in one or more outer folders."""
    for _ in range(3):
        inside = list(files.iterdir())
        if len(inside) != 1 or not inside[0].is_dir():
            break
        files = inside[0]
    return files


def _group_of(intake: Intake) -> Group:
    groups: dict[str, Group] = {"covid": "covid", "normal": "normal", "other": "other"}
    return groups[intake.group]


def _check(form: UploadForm) -> None:
    if form.masks_as != "seed":
        # Truth is for `simulate` only: over the web it could reveal sealed answers.
        raise Invalid("Uploaded masks can only become seed reads.", field="masks_as")
    if form.group not in ("covid", "normal", "other"):
        raise Invalid(
            f"There is no group {form.group!r}; the groups are covid, normal, other.", field="group"
        )
    uploads = [*form.images, *form.masks, *form.lung_masks]
    if not form.images and form.archive is None:
        raise Invalid("Choose at least one image or a zip file.", field="images")
    if len(uploads) > settings.MAX_UPLOAD_FILES:
        raise Invalid(
            f"{len(uploads)} files were sent; {settings.MAX_UPLOAD_FILES} are allowed at once.",
            field="images",
        )
    files = [*uploads, *(part for part in (form.archive, form.metadata) if part)]
    total = sum(upload.size or 0 for upload in files)
    root = Path(settings.DATA_ROOT)
    root.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(root).free
    if total * 3 > free:
        raise Refused("There is not enough room on the server's disk for this upload.")


def _write(form: UploadForm, folder: Path) -> None:
    (folder / "files").mkdir(parents=True)
    for upload in form.images:
        _save(upload, folder / "files")
    for name, uploads in (("masks", form.masks), ("lung_masks", form.lung_masks)):
        for upload in uploads:
            (folder / name).mkdir(exist_ok=True)
            _save(upload, folder / name)
    for name, part in ((_ARCHIVE, form.archive), (METADATA_NAME, form.metadata)):
        if part is not None:
            _copy(part, folder / name)


def _save(upload: Upload, folder: Path) -> None:
    """Save a file under the last part of its name; a second file with that name gets a number."""
    plain = PurePath((upload.name or "").replace("\\", "/")).name
    name = "".join(char for char in plain if char.isprintable()).lstrip(".")[-_MAX_NAME_LENGTH:]
    target = folder / (name or "unnamed")
    for number in range(2, settings.MAX_UPLOAD_FILES + 2):
        if not target.exists():
            break
        target = folder / f"{PurePath(name).stem} ({number}){PurePath(name).suffix}"
    _copy(upload, target)


def _copy(upload: Upload, target: Path) -> None:
    with target.open("xb") as out:
        for chunk in upload.chunks():
            out.write(chunk)
