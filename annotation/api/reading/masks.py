"""A drawn mask over HTTP, with what it was made from in its headers."""

from __future__ import annotations

from django.http import HttpResponse
from rest_framework.request import Request

from annotation import storage
from annotation.api.content_types import send_bytes
from annotation.models import Draft, LostDraft
from mlloop.pixels.masks import decode_mask, encode_wire_mask


def send_mask(request: Request, row: Draft | LostDraft) -> HttpResponse:
    """Answer with the mask as a 1-bit PNG, or 304 where the caller has it."""
    response = send_bytes(
        request,
        encode_wire_mask(decode_mask(storage.read(row.mask_key))),
        etag=storage.digest_of(row.mask_key),
        cache="private, no-cache",
    )
    # On a 304 too: the same mask may be said to come from another candidate meanwhile.
    response["X-Candidate"] = str(row.candidate_id or "")
    response["X-Threshold"] = str(row.threshold or "")
    return response
