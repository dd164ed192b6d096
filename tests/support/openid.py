"""An OpenID Connect provider on loopback whose answers a test chooses."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import jwt
from django.http import HttpResponse
from django.test import Client

from annotation.sign_on import SignOnProvider, read_providers

CLIENT = "roundtruth"


class Provider:
    """What the provider says; a test changes the attributes."""

    def __init__(self, issuer: str) -> None:
        self.issuer = issuer
        self.claims: dict[str, object] = {"sub": "subject-1", "preferred_username": "ada"}
        self.token: dict[str, object] = {}  # replaces claims of the ID token
        self.userinfo: dict[str, object] = {}  # replaces claims of the user info
        self.config: dict[str, object] = {}  # replaces parts of the configuration
        self.asked: list[dict[str, list[str]]] = []  # the bodies that the token endpoint got

    def configuration(self) -> dict[str, object]:
        ends = {
            "authorization_endpoint": "authorize",
            "token_endpoint": "token",
            "userinfo_endpoint": "userinfo",
            "jwks_uri": "jwks",
        }
        addresses = {name: f"{self.issuer}/{path}" for name, path in ends.items()}
        return {"issuer": self.issuer, **addresses, **self.config}

    def id_token(self) -> str:
        times = {"iat": int(time.time()), "exp": int(time.time()) + 600}
        body = {"iss": self.issuer, "aud": CLIENT, **times, **self.claims, **self.token}
        return jwt.encode(body, "a-secret-of-at-least-thirty-two-bytes", algorithm="HS256")

    def settings(self, **changes: object) -> tuple[SignOnProvider, ...]:
        """Return the setting of this provider."""
        entry = {"id": "hospital", "name": "Hospital", "issuer": self.issuer}
        entry |= {"client_id": CLIENT, "secret": "s", **changes}
        return read_providers(json.dumps([entry]))


@contextmanager
def running_provider() -> Iterator[Provider]:
    """Serve a provider on a free port of loopback."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

        def do_GET(self) -> None:
            self.answer()

        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            provider.asked.append(parse_qs(self.rfile.read(length).decode()))
            self.answer()

        def answer(self) -> None:
            path = urlsplit(self.path).path
            body: dict[str, object] = {}
            if path == "/.well-known/openid-configuration":
                body = provider.configuration()
            elif path == "/token":
                body = {
                    "access_token": "t",
                    "token_type": "Bearer",
                    "id_token": provider.id_token(),
                }
            elif path == "/userinfo":
                body = {**provider.claims, **provider.userinfo}
            data = json.dumps(body).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider = Provider(f"http://127.0.0.1:{server.server_address[1]}")
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def sign_on(client: Client, **form: str) -> HttpResponse:
    """Press the button on the sign-in page, and come back from the provider."""
    leaving = client.post("/accounts/oidc/hospital/login/", form)
    assert leaving.status_code == 200, leaving.content
    state = parse_qs(urlsplit(leaving.context["target"]).query)["state"][0]
    callback = "/accounts/oidc/hospital/login/callback/"
    return client.get(callback, {"code": "c", "state": state})
