"""Every endpoint for every role, with input that the OpenAPI document allows and with other input.

No answer is an error of the server, and each has a status, a type and a body that the document
promises. Each request is undone, so that the next one finds the same rows.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import schemathesis
from django.conf import settings
from django.core.cache import cache
from django.db import transaction
from hypothesis import HealthCheck, Phase, given, seed
from hypothesis import settings as hypothesis_settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import load_all_checks, not_a_server_error
from schemathesis.core.failures import AcceptedNegativeData
from schemathesis.specs.openapi import checks

from annotation.config.wsgi import application
from annotation.models import LostDraft, Project, Release, User
from annotation.selectors.labels import label_of
from annotation.services.reading import submission
from annotation.services.tokens import create_token
from mlloop.pixels.masks import encode_wire_mask
from tests.support import factories, reporting
from tests.support.calls import lease, put, signed_in
from tests.support.fuzzing import kept_connection

ROLES = ("reader", "adjudicator", "curator", "engineer", "viewer", "outsider", "nobody")
N_EXAMPLES = 3  # of each kind, for each role and operation
CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.negative_data_rejection,
]
# Wrong input that an endpoint may accept, by the words of the complaint, and why.
FALSE_POSITIVES = {
    "parameter `page_size` in query": "an unreadable size is the usual one; pages are bounded",
}

pytestmark = [
    pytest.mark.slow,
    # Libraries of the tool, not of the product.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


@pytest.fixture
def world(project: Project, member: Callable[..., User]) -> dict[str, str]:
    """One row of each kind, by the names of the path parameters."""
    cache.clear()
    image, other = factories.make_image(project), factories.make_image(project)
    serving = factories.make_round(project, stage="stage_2")
    for shown in (image, other):
        factories.make_proposals(serving, shown)
    reporting.give_report(serving, image, other)
    reader = member("reader")
    client = signed_in(reader)
    case = lease(client)
    assert put(client, case, encode_wire_mask(factories.disc()), **{"If-None-Match": "*"})
    draft = reader.assignments.get().drafts.get()
    infection = label_of(project, "infection")
    lost = LostDraft.objects.create(
        assignment_id=case["assignment"], label=infection, mask_key=draft.mask_key, etag="x"
    )
    Release.objects.create(project=project, version="1.0.0", selection_key="x")
    submitted = factories.make_assignment(factories.make_image(project), reader, is_prefetched=True)
    submission.submit_annotation(
        assignment=submitted,
        reader=reader,
        client_id=submitted.id,
        label=infection,
        decision="no_infection",
    )
    return {
        "slug": "pilot",
        "assignment_id": case["assignment"],
        "submitted_id": str(submitted.id),
        "candidate_id": case["candidates"][0]["id"],
        "image_id": case["image"]["id"],
        "lost_id": str(lost.id),
        "number": "1",
        "version": "1.0.0",
        "part": "open",
    }


def operations() -> Iterator[schemathesis.APIOperation]:
    path = Path(settings.BASE_DIR) / "frontend" / "schema.json"
    schema = schemathesis.openapi.from_dict(json.loads(path.read_text()))
    schema.app = application
    for result in schema.get_all_operations():
        yield result.ok()


@pytest.mark.parametrize("role", ROLES)
def test_api_when_a_role_sends_anything_then_what_the_schema_promises(
    role: str, world: dict[str, str], member: Callable[..., User]
) -> None:
    load_all_checks()
    headers = headers_of(role, member)
    with kept_connection():
        n_sent, complaints = send_all(world, headers)
    assert complaints == [], "\n\n".join(complaints)
    assert n_sent > 200


def send_all(world: dict[str, str], headers: dict[str, str]) -> tuple[int, list[str]]:
    """Send a few requests to every operation; return how many, and what was wrong."""
    complaints = []
    n_sent = 0
    for operation in operations():
        known = {
            name: world[name]
            for name in (parameter.name for parameter in operation.path_parameters)
            if name in world
        }
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            for fixed in (known, {}) if known else ({},):
                n, failure = send_some(operation, mode, fixed, headers)
                n_sent += n
                if failure:
                    complaints.append(f"{operation.label} {mode.name}: {failure}")
    return n_sent, complaints


def headers_of(role: str, member: Callable[..., User]) -> dict[str, str]:
    if role == "nobody":
        return {}
    user = User.objects.filter(username=role).first()
    user = user or member(*([] if role == "outsider" else [role]), name=role)
    _, text = create_token(user=user, name="fuzz", scope="write", days=1)
    return {"Authorization": f"Bearer {text}"}


def send_some(
    operation: schemathesis.APIOperation,
    mode: GenerationMode,
    path_parameters: dict[str, str],
    headers: dict[str, str],
) -> tuple[int, str]:
    """Send a few requests; return how many, and the first complaint."""
    sent = 0

    @seed(zlib.crc32(operation.label.encode()))
    @hypothesis_settings(
        max_examples=N_EXAMPLES,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy(generation_mode=mode, path_parameters=path_parameters or None))
    def send(case: schemathesis.Case) -> None:
        nonlocal sent
        sent += 1
        with transaction.atomic():
            response = case.call(headers=headers)
            transaction.set_rollback(True)
        case.validate_response(response, checks=CHECKS, headers=headers)

    try:
        send()
    except Unsatisfiable:  # an operation without parameters and body has no wrong input
        return sent, ""
    except BaseExceptionGroup as failures:
        return sent, "\n".join(filter(None, map(complaint_of, failures.exceptions)))
    except AssertionError as failure:
        return sent, complaint_of(failure)
    return sent, ""


def complaint_of(failure: BaseException) -> str:
    """Return what a failure says; an empty text for input that we accept on purpose."""
    is_accepted = isinstance(failure, AcceptedNegativeData) and any(
        words in str(failure) for words in FALSE_POSITIVES
    )
    return "" if is_accepted else str(failure)[:1500]
