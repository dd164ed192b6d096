from __future__ import annotations

import pytest

from annotation.models import Image, Proposal, Split
from annotation.selectors.reading.worklist import waiting_images, worklist_scope
from bench import bare
from bench.large_project import make_large_project, serving_query


@pytest.mark.django_db
def test_crowd_has_the_size_asked_for_and_work_for_its_readers() -> None:
    made = make_large_project(slug="bench", images=60, readers=2)

    proposed = Image.objects.filter(project=made.project, patient__split=Split.TRAIN).count()
    assert Image.objects.filter(project=made.project).count() == 60
    assert Proposal.objects.filter(round=made.round).count() == 5 * proposed
    desk = worklist_scope(project=made.project, reader=made.readers[1])
    assert waiting_images(desk, "read").count() > 0
    assert waiting_images(desk, "sealed").count() > 0


@pytest.mark.django_db
def test_bare_query_finds_one_image() -> None:
    made = make_large_project(slug="bench", images=60, readers=1)

    assert len(bare.query(*serving_query(made))) == 1
