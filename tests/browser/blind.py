"""A case that is judged blind, and what a browser was told of it: nothing betrays a candidate."""

from __future__ import annotations

import json
from collections.abc import Iterable

from playwright.sync_api import BrowserContext, Response

from annotation.models import Image
from tests.support import factories

SECRETS = ("secret-name", "secret-source", "secret-finding", "resnet18", "unet", "ensemble", "fold")


def make_pick(image: Image) -> Image:
    """Make an image a case of stage I: a manual mask and two networks' proposals to judge."""
    shape = (image.height, image.width)
    factories.make_reference(image, factories.disc(shape=shape, at=(180, 150), radius=60))
    factories.make_proposals(
        factories.make_round(image.project, stage="stage_1"), image, kind="out_of_fold"
    )
    return image


class Answers:
    """What the server answers a browser from now on, but for scripts and styles."""

    def __init__(self, context: BrowserContext) -> None:
        self._responses: list[Response] = []
        context.on("response", self._note)

    def _note(self, response: Response) -> None:
        self._responses.append(response)

    def asked(self, path: str) -> bool:
        return any(path in response.url for response in self._responses)

    def texts(self) -> list[str]:
        """Return addresses, headers and JSON in lower case."""
        return [
            f"{response.url} {json.dumps(response.headers)} {_json_of(response)}".lower()
            for response in self._responses
            if "/static/" not in response.url
        ]


def _json_of(response: Response) -> str:
    return response.text() if "json" in response.headers.get("content-type", "") else ""


def expect_none(secrets: Iterable[str], texts: list[str]) -> None:
    for secret in secrets:
        assert [text[:200] for text in texts if secret in text] == []
