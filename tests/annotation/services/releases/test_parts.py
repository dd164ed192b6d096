"""Sealed masks are in a part of their own. Engineers and viewers get it when it is opened."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from annotation import storage
from annotation.errors import Conflict, Invalid, NotFound
from annotation.management.console import CommandRefused
from annotation.models import (
    AuditEvent,
    Image,
    Project,
    Reference,
    Release,
    ReleaseItem,
    SealedOpening,
    User,
)
from annotation.selectors.releases.biography import pseudonym, released_name
from annotation.services.releases.exporting import download_release, export_release
from annotation.services.releases.opening import open_sealed_part
from annotation.services.upkeep.withdrawal import erase_image
from tests.support.calls import JSON, signed_in
from tests.support.database import unguarded
from tests.support.factories import disc, make_image, make_reference
from tests.support.releasing import freeze

OPEN = "/api/v1/projects/pilot/releases/1.0.0/download/"
SEALED = "/api/v1/projects/pilot/releases/1.0.0/sealed/download/"
OPENING = "/api/v1/projects/pilot/releases/1.0.0/sealed/open/"
PAGE = "/p/pilot/releases/"
SEALED_PAGE = "/p/pilot/releases/1.0.0/sealed/download/"


@pytest.fixture
def sealed(filled: Project) -> list[Image]:
    """Two sealed images with masks of their own, and a sealed control, beside those of `filled`."""
    images = [make_image(filled, split="sealed", seed=70 + i) for i in range(2)]
    for i, image in enumerate(images):
        make_reference(image, disc(radius=5 + i), purpose="sealed")
    return [*images, make_image(filled, split="sealed", group="normal", seed=80)]


def archive_of(client: Client, url: str) -> zipfile.ZipFile:
    answer = client.get(url)
    assert answer.status_code == 200
    return zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content)))


def traces_of(image: Image) -> list[str]:
    """Return every text that could join a download with this image."""
    keys = [image.pixels_key, *image.references.values_list("mask_key", flat=True)]
    return [
        str(image.id),
        image.id.hex,
        released_name(image).removeprefix(f"{image.group}_"),
        pseudonym(image.project, "patient", image.patient_id),
        image.patient.key,
        *(storage.digest_of(key) for key in keys),
    ]


def release_sha256(project: Project) -> str:
    return project.releases.get(version="1.0.0").manifest_sha256


@pytest.mark.parametrize("role", ["engineer", "viewer"])
def test_download_when_not_a_curator_then_no_trace_of_any_sealed_image_is_in_it(
    filled: Project, sealed: list[Image], member: Callable[..., User], role: str
) -> None:
    freeze(filled)
    archive = archive_of(signed_in(member(role)), OPEN)
    text = "\n".join(archive.namelist())
    text += "\n".join(archive.read(name).decode("latin-1") for name in archive.namelist())
    for image in sealed:
        assert [trace for trace in traces_of(image) if trace in text] == []
        assert storage.read(image.pixels_key).decode("latin-1") not in text
    manifest = json.loads(archive.read("pilot-1.0.0/manifest.json"))
    assert manifest["counts"]["masks"] == len(manifest["masks"]) == 4
    assert "split.sealed" not in manifest["counts"]
    assert {mask["split"] for mask in manifest["masks"]} == {"train"}


@pytest.mark.parametrize("roles", [["engineer"], ["viewer"], ["curator", "engineer"]])
def test_sealed_images_when_not_a_curator_then_neither_listed_nor_served_under_any_address(
    filled: Project, sealed: list[Image], member: Callable[..., User], roles: list[str]
) -> None:
    client, image = signed_in(member(*roles)), sealed[0]
    listed = client.get("/api/v1/projects/pilot/images/?state=all").json()
    assert len(listed["results"]) == 5
    assert {row["split"] for row in listed["results"]} == {"train"}
    assert str(image.id) not in json.dumps(listed)
    asked = client.get("/api/v1/projects/pilot/images/?split=sealed")
    assert asked.status_code == 403
    assert "does not let you see sealed images" in asked.json()["detail"]
    page = client.get("/p/pilot/images/?state=all").content.decode()
    assert "5 radiographs" in page
    assert str(image.id) not in page
    assert b"No image matches" in client.get("/p/pilot/images/?split=sealed").content
    for url in (
        f"/api/v1/images/{image.id}/pixels/",
        f"/api/v1/images/{image.id}/preview/",
        f"/p/pilot/images/{image.id}/",
        f"/p/pilot/images/{image.id}/thumbnail/",
        f"/p/pilot/images/{image.id}/preview/",
    ):
        assert client.get(url).status_code == 404, url


def test_curator_sees_sealed_images_and_downloads_their_masks(
    filled: Project, sealed: list[Image], member: Callable[..., User]
) -> None:
    release, client = freeze(filled), signed_in(member("curator"))
    listed = client.get("/api/v1/projects/pilot/images/?split=sealed").json()["results"]
    assert {row["id"] for row in listed} == {str(image.id) for image in sealed}
    assert client.get(f"/api/v1/images/{sealed[0].id}/pixels/").status_code == 200
    for url in (SEALED, SEALED_PAGE):
        archive = archive_of(client, url)
        manifest = json.loads(archive.read("pilot-1.0.0-sealed/manifest.json"))
        assert manifest["part"] == "sealed"
        assert {mask["split"] for mask in manifest["masks"]} == {"sealed"}
        assert manifest["counts"]["masks"] == 3
        name = released_name(sealed[0])
        mask = archive.read(f"pilot-1.0.0-sealed/Ground-truths/mask_{name}.png")
        assert mask == storage.read(sealed[0].references.get().mask_key)
        assert ", sealed part" in archive.read("pilot-1.0.0-sealed/README.md").decode()
    assert (release.n_masks, release.total) == (4, 7)


def test_person_who_is_curator_and_engineer_does_not_get_the_sealed_part(
    filled: Project, sealed: list[Image], member: Callable[..., User]
) -> None:
    freeze(filled)
    client = signed_in(member("curator", "engineer"))
    assert client.get(SEALED).status_code == 403
    assert "sealed/download/" not in client.get(PAGE).content.decode()


def test_person_who_is_curator_and_engineer_can_not_open_the_sealed_part(
    filled: Project, sealed: list[Image], member: Callable[..., User]
) -> None:
    freeze(filled)
    client = signed_in(member("curator", "engineer"))
    reason = {"reason": "to see it"}
    form = {"verb": "open_sealed", "version": "1.0.0", **reason}
    assert client.post(OPENING, reason, content_type=JSON).status_code == 403
    assert "Open the sealed part" not in client.get(PAGE).content.decode()
    client.post(PAGE, form)
    assert not SealedOpening.objects.exists()
    assert client.get(SEALED).status_code == 403
    # Another curator publishes it: then engineers have it, and so does this person.
    curator = signed_in(member("curator", name="other"))
    assert curator.post(OPENING, reason, content_type=JSON).status_code == 200
    assert archive_of(client, SEALED).namelist()
    assert client.get(f"/api/v1/images/{sealed[0].id}/pixels/").status_code == 404


def test_every_download_and_export_is_in_the_audit_with_its_part(
    filled: Project, sealed: list[Image], member: Callable[..., User], tmp_path: Path
) -> None:
    release, curator, viewer = freeze(filled), member("curator"), member("viewer", name="vi")
    archive_of(signed_in(viewer), OPEN)
    archive_of(signed_in(viewer), "/p/pilot/releases/1.0.0/download/")
    archive_of(signed_in(curator), SEALED)
    assert signed_in(viewer).get(SEALED).status_code == 403  # no download, no row
    export_release(release=release, folder=tmp_path / "s", part="sealed", actor=curator)
    rows = AuditEvent.objects.filter(target=str(release.id)).order_by("created_at")
    assert [
        (row.verb, row.actor and row.actor.username, row.facts["part"])
        for row in rows
        if "part" in row.facts
    ] == [
        ("download_release", "vi", "open"),
        ("download_release", "vi", "open"),
        ("download_release", curator.username, "sealed"),
        ("export_release", curator.username, "sealed"),
    ]


def test_opening_when_a_curator_gives_a_reason_then_engineers_and_viewers_get_the_sealed_part(
    filled: Project, sealed: list[Image], member: Callable[..., User]
) -> None:
    release, curator = freeze(filled), member("curator")
    viewer = signed_in(member("viewer", name="vi"))
    engineer = signed_in(member("engineer", name="eng"))
    assert engineer.post(OPENING, {"reason": "paper"}, content_type=JSON).status_code == 403
    assert signed_in(curator).post(OPENING, {"reason": " "}, content_type=JSON).status_code == 422
    assert viewer.get(SEALED).status_code == 403
    reason = {"reason": "Published in Radiology"}
    shown = signed_in(curator).post(OPENING, reason, content_type=JSON).json()
    assert shown["has_sealed_part"] is True
    assert shown["sealed_opened_at"]
    for client in (viewer, engineer):
        assert archive_of(client, SEALED).namelist()
        assert "sealed/download/" in client.get(PAGE).content.decode()
    row = AuditEvent.objects.get(verb="open_sealed_part")
    assert (row.actor, row.target) == (curator, str(release.id))
    assert row.facts == {"version": "1.0.0", "reason": "Published in Radiology"}
    # The opening is of this version only, and the films stay out of the list.
    make_reference(make_image(filled, seed=90))
    freeze(filled, "1.1.0")
    assert viewer.get(SEALED.replace("1.0.0", "1.1.0")).status_code == 403
    assert viewer.get(f"/api/v1/images/{sealed[0].id}/pixels/").status_code == 404


def test_opening_on_the_page_then_the_button_is_gone_and_the_part_is_open(
    filled: Project, sealed: list[Image], member: Callable[..., User]
) -> None:
    freeze(filled)
    client = signed_in(member("curator"))
    assert "Open the sealed part" in client.get(PAGE).content.decode()
    form = {"verb": "open_sealed", "version": "1.0.0", "reason": "The paper is out"}
    engineer = signed_in(member("engineer", name="eng"))
    engineer.post(PAGE, form)
    assert not SealedOpening.objects.exists()
    client.post(PAGE, form)
    assert SealedOpening.objects.get().reason == "The paper is out"
    text = client.get(PAGE).content.decode()
    assert "sealed part open since" in text
    assert "Open the sealed part" not in text


def test_opening_twice_or_without_a_sealed_part_is_a_conflict(
    filled: Project, member: Callable[..., User]
) -> None:
    curator, release = member("curator"), freeze(filled)
    with pytest.raises(Conflict, match="no sealed part to open"):
        open_sealed_part(release=release, actor=curator, reason="paper")
    with pytest.raises(NotFound, match="no sealed part"):
        download_release(release=release, part="sealed", actor=curator)
    make_reference(make_image(filled, split="sealed", seed=70))
    second = freeze(filled, "1.1.0")
    with pytest.raises(Invalid, match="reason"):
        open_sealed_part(release=second, actor=curator, reason="")
    open_sealed_part(release=second, actor=curator, reason="paper")
    with pytest.raises(Conflict, match="open already"):
        open_sealed_part(release=second, actor=curator, reason="paper")


def test_release_of_an_older_version_when_sealed_masks_lie_among_the_others_then_for_curators(
    filled: Project, sealed: list[Image], member: Callable[..., User]
) -> None:
    release = Release.objects.create(
        project=filled,
        version="1.0.0",
        state="frozen",
        selection_key="x",
        summary={"masks": 7, "split.sealed": 3},
        frozen_at=timezone.now(),
    )
    key = storage.put(filled.id, b"{}")
    with unguarded():  # a published release takes no more files
        ReleaseItem.objects.create(
            release=release, path="manifest.json", key=key, sha256="x", size=2
        )
    client = signed_in(member("engineer"))
    answer = client.get(OPEN)
    assert answer.status_code == 403
    assert "before sealed masks had a part of their own" in answer.json()["detail"]
    page = client.get(PAGE).content.decode()
    assert "releases/1.0.0/download/" not in page
    assert "older than sealed parts" in page
    curator = member("curator", name="cu")
    assert archive_of(signed_in(curator), OPEN).namelist()
    open_sealed_part(release=release, actor=curator, reason="paper")
    assert archive_of(client, OPEN).namelist()


def test_erased_sealed_image_then_the_open_part_stays_available(
    filled: Project, sealed: list[Image], member: Callable[..., User]
) -> None:
    release, curator = freeze(filled), member("curator")
    erase_image(image=sealed[0], actor=curator, reason="consent")
    assert archive_of(signed_in(curator), OPEN).namelist()
    with pytest.raises(Conflict, match="was erased"):
        download_release(release=release, part="sealed", actor=curator)


def test_release_command_then_the_parts_in_two_folders_that_verify_together_and_not_crosswise(
    filled: Project, sealed: list[Image], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    release = ("release", "--project", "pilot", "--version")
    call_command(*release, "1.0.0", "--out", str(one / "open"))
    assert "--sealed-out DIR writes it" in capsys.readouterr().out
    assert not list(one.rglob(f"*{released_name(sealed[0])}*"))
    call_command(*release, "1.0.0", "--out", str(one / "again"), "--sealed-out", str(one / "s"))
    assert list((one / "s").rglob(f"*{released_name(sealed[0])}*"))
    call_command("verify_release", str(one / "open"))
    capsys.readouterr()
    trust = ("--sha256", release_sha256(filled))
    call_command("verify_release", str(one / "open"), *trust, "--sealed", str(one / "s"), "--json")
    facts = json.loads(capsys.readouterr().out)
    assert (facts["holds"], facts["origin"]) == (True, "proved")
    assert facts["sealed"]["checked"] == 10

    Reference.objects.create(
        **{
            name: getattr(old, name)
            for old in [sealed[0].references.get()]
            for name in ("project", "image", "label", "method", "verdict")
        },
        mask_key=storage.put(filled.id, storage.read(sealed[1].references.get().mask_key)),
        supersedes=sealed[0].references.get(),
    )
    call_command(*release, "1.1.0", "--out", str(two / "open"), "--sealed-out", str(two / "s"))
    call_command("verify_release", str(two / "s"))
    with pytest.raises(CommandRefused):
        call_command("verify_release", str(one / "open"), "--sealed", str(two / "s"))
    assert "it is not the sealed part that the manifest in" in capsys.readouterr().out
