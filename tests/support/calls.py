"""The calls of the editor and of other clients, as tests make them."""

from __future__ import annotations

import json
import uuid
from urllib.parse import urlencode

from django.test import Client

from annotation.models import User

JSON = "application/json"


def signed_in(user: User, **options: bool) -> Client:
    client = Client(**options)
    client.force_login(user)
    return client


def ask(client: Client, **body: object):
    """Ask for the next case; return the response, also a refusal."""
    return client.post("/api/v1/projects/pilot/next/", json.dumps(body), content_type=JSON)


def lease(client: Client, **body: object) -> dict:
    """Lease the next case and return its JSON."""
    response = ask(client, **body)
    assert response.status_code == 200, response.content
    return response.json()


def put(client: Client, case: dict, png: bytes, basis: dict | None = None, **headers: str):
    """Save a mask, made from `basis`, as the case's draft; return the response."""
    query = urlencode({"label": "infection"} | (basis or {}))
    url = f"/api/v1/assignments/{case['assignment']}/draft/?{query}"
    return client.put(url, png, content_type="image/png", headers=headers)


def submit(client: Client, case: dict, **body: object):
    """Submit a case, accepted unless `body` says otherwise; return the response."""
    given = {"client_id": str(uuid.uuid4()), "label": "infection", "decision": "accept"} | body
    url = f"/api/v1/assignments/{case['assignment']}/submit/"
    return client.post(url, json.dumps(given), content_type=JSON)
