"""Texts and archives from outside: a value comes out, or the error that names what is wrong."""

from __future__ import annotations

import contextlib
import io
import json
import tempfile
import zipfile
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import LazySettings
from django.test import Client
from hypothesis import strategies as st

from annotation.api.etags import parse_etags
from annotation.errors import Invalid
from annotation.formats.manifest import CHECKSUM, MANIFEST
from annotation.formats.signature import (
    SIGNATURE,
    SignatureError,
    key_id_of,
    pem_of,
    public_keys,
    signature_bytes,
)
from annotation.formats.verification import Trust, Verification, verify_folder
from annotation.models import Project
from annotation.selectors.rounds.plans import parse_plan_text
from annotation.services.intake.archive import unpack
from annotation.services.tokens import use_token
from mlloop.contract.json_text import JsonError, read_json_text
from mlloop.contract.metadata_csv import MetadataError, MetadataLine, RefusedLine, read_metadata
from mlloop.contract.plan import Plan
from mlloop.contract.presets import preset
from mlloop.contract.records import FieldError, from_plain, read_json
from mlloop.training.finished_member import Card
from tests.support.fuzzing import damaged, explore, explored, kept_connection

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4)
    ),
)
PLAN = preset("cpu").to_json()
HEADER = "image,patient_id,group,view,study_offset_days,infection_mask,lung_mask\n"
LINES = (HEADER + 'a.png,p1,covid,PA,3,m.png,\n"b,c.png",p2,normal,AP,-4,,l.png\n').encode()


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


@explored
def test_json_when_the_text_is_anything_then_storable_or_refused(n_examples: int) -> None:
    def look(data: bytes) -> None:
        with contextlib.suppress(JsonError):
            json.dumps(read_json_text(data), allow_nan=False).encode()

    good = (json.dumps(PLAN).encode(), rb'{"a": ["\ud83d\ude00", 1e300, -0.0, {}]}')
    explore(n_examples, damaged(good) | st.binary(max_size=200), look)


@explored
def test_plan_when_the_text_is_anything_then_a_plan_or_invalid(n_examples: int) -> None:
    def look(text: str) -> None:
        with contextlib.suppress(Invalid):
            assert isinstance(parse_plan_text(text), Plan)

    changed = st.builds(
        lambda field, value: json.dumps(PLAN | {field: value}),
        st.sampled_from(sorted(PLAN)),
        JSON_VALUES,
    )
    networks = st.builds(
        lambda field, value: json.dumps(
            PLAN | {"networks": [PLAN["networks"][0] | {field: value}]}
        ),
        st.sampled_from(sorted(PLAN["networks"][0])),
        JSON_VALUES,
    )
    spoilt = damaged((json.dumps(PLAN).encode(),)).map(lambda data: data.decode("latin-1"))
    explore(n_examples, changed | networks | spoilt | st.text(max_size=100), look)


@explored
def test_metadata_when_the_file_is_anything_then_lines_or_a_metadata_error(
    n_examples: int, folder: Path
) -> None:
    def look(data: bytes) -> None:
        path = folder / "metadata.csv"
        path.write_bytes(data)
        with contextlib.suppress(MetadataError):
            for line in read_metadata(path):
                assert isinstance(line, MetadataLine | RefusedLine)

    rows = st.lists(st.lists(st.text(max_size=10), max_size=9), max_size=5)
    texts = rows.map(lambda lines: HEADER + "\n".join(",".join(line) for line in lines))
    encoded = texts.map(lambda text: text.encode("utf-8", "surrogatepass"))
    explore(n_examples, damaged((LINES,)) | encoded | st.binary(max_size=200), look)


def zipped() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("films/a.png", b"a" * 500)
        opened.writestr("metadata.csv", LINES)
    return out.getvalue()


@explored
def test_archive_when_the_bytes_are_anything_then_files_inside_or_invalid(
    n_examples: int, settings: LazySettings
) -> None:
    settings.MAX_UPLOAD_BYTES = 1024**2

    def look(data: bytes) -> None:
        with tempfile.TemporaryDirectory() as name:
            outer, inner = Path(name), Path(name, "inner")
            (outer / "upload.zip").write_bytes(data)
            inner.mkdir()
            with contextlib.suppress(Invalid):
                unpack(outer / "upload.zip", inner)
            assert {path.name for path in outer.iterdir()} == {"upload.zip", "inner"}
            files = [path for path in inner.rglob("*") if path.is_file()]
            assert not any(path.is_symlink() for path in inner.rglob("*"))
            assert sum(path.stat().st_size for path in files) <= settings.MAX_UPLOAD_BYTES

    names = st.text(max_size=30) | st.sampled_from(["../x", "/x", "a/../../x", "a\\b", "C:x", "."])
    explore(n_examples, damaged((zipped(),)) | names.map(zip_with) | st.binary(max_size=200), look)


def zip_with(name: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as opened:
        opened.writestr(zipfile.ZipInfo(name.encode("utf-8", "replace").decode() or "x"), b"x")
    return out.getvalue()


@explored
def test_release_when_its_papers_are_anything_then_only_the_signed_manifest_is_proved(
    n_examples: int, folder: Path
) -> None:
    key = Ed25519PrivateKey.from_private_bytes(b"\1" * 32)
    trust = Trust(keys={key_id_of(key.public_key()): key.public_key()})
    (folder / "a.png").write_bytes(b"film")
    listed = {"files": {"a.png": {"sha256": sha256(b"film").hexdigest(), "bytes": 4}}, "schema": 1}
    manifest, forged = json.dumps(listed).encode(), json.dumps(listed, indent=1).encode()
    stranger = Ed25519PrivateKey.from_private_bytes(b"\2" * 32)
    signatures = [signature_bytes(key, sha256(manifest).hexdigest()),
                  signature_bytes(stranger, sha256(forged).hexdigest())]  # fmt: skip

    def verdict(papers: tuple[bytes, bytes, bytes]) -> Verification:
        for name, data in zip((MANIFEST, CHECKSUM, SIGNATURE), papers, strict=True):
            (folder / name).write_bytes(data)
        return verify_folder(folder, trust=trust)

    def look(papers: tuple[bytes, bytes, bytes]) -> None:
        found = verdict(papers)
        assert found.origin == "refuted" or (
            papers[0] == manifest and found.signed_by in trust.keys
        )
        if found.holds:
            assert papers[1].split()[0] == sums[0].encode()
            assert found == whole

    sums = [sha256(data).hexdigest() for data in (manifest, forged)]
    whole = verdict((manifest, sums[0].encode(), signatures[0]))
    assert whole.holds
    assert whole.origin == "proved"
    for text, total in zip((manifest, forged), sums, strict=True):
        for signature in signatures:
            look((text, total.encode(), signature))
    deep = (b"[" * 5000, b'{"files":' * 3000)
    papers = st.tuples(
        st.sampled_from([manifest, forged]) | damaged((manifest, *deep)),
        st.sampled_from([total.encode() for total in sums]) | st.binary(max_size=80),
        st.sampled_from(signatures) | damaged((*signatures, *deep)) | st.binary(max_size=200),
    )
    explore(n_examples, papers, look)


@explored
def test_key_when_the_pem_is_anything_then_keys_by_their_ids_or_a_signature_error(
    n_examples: int,
) -> None:
    def look(data: bytes) -> None:
        with contextlib.suppress(SignatureError):
            keys = public_keys(data)
            assert keys
            for key_id, key in keys.items():
                assert sha256(key.public_bytes_raw()).hexdigest() == key_id

    private = Ed25519PrivateKey.from_private_bytes(b"\1" * 32)
    good = pem_of(private.public_key()).encode()
    other = ec.derive_private_key(7, ec.SECP256R1()).public_key()
    pem, subject = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    kinds = (good, good * 3, other.public_bytes(pem, subject))
    inner = st.binary(max_size=80).map(
        lambda der: b"-----BEGIN PUBLIC KEY-----\n%b\n-----END PUBLIC KEY-----\n" % b64encode(der)
    )
    assert len(public_keys(good)) == 1
    explore(n_examples, damaged(kinds) | inner | st.binary(max_size=200), look)


@explored
def test_card_when_the_json_is_anything_then_a_card_or_a_field_error(
    n_examples: int, folder: Path
) -> None:
    def look(data: bytes) -> None:
        (folder / "card.json").write_bytes(data)
        with contextlib.suppress(FieldError):
            assert isinstance(from_plain(Card, read_json(folder / "card.json")), Card)

    texts = JSON_VALUES.map(lambda value: json.dumps(value).encode())
    explore(
        n_examples, texts | damaged((b'{"schema": 1}', b"[" * 5000)) | st.binary(max_size=90), look
    )


# Headers and tokens -----------------------------------------------------------------------------

# What an HTTP server lets through: no control characters but tab, bytes as Latin-1.
HEADERS = st.text(
    st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=120
)
TYPES = st.builds(
    "{}; {}={}".format,
    st.sampled_from(["application/json", "image/png", "multipart/form-data", "*/*", "a"]),
    st.sampled_from(["charset", "q", "boundary", "a*", "charset*", "x"]),
    HEADERS,
)


@explored
def test_etags_when_the_header_is_anything_then_a_list_or_none(n_examples: int) -> None:
    def look(header: str) -> None:
        tags = parse_etags(header)
        assert tags is None or all(isinstance(tag, str) and tag for tag in tags)

    explore(n_examples, HEADERS | st.text('",W/* ', max_size=300), look)


@explored
def test_request_when_its_headers_are_anything_then_an_answer_below_500(
    n_examples: int, project: Project
) -> None:
    client = Client(raise_request_exception=False)
    names = st.sampled_from(
        ["Accept", "Authorization", "Cookie", "X-Account", "If-None-Match", "Origin", "Referer",
         "X-Forwarded-For", "Accept-Encoding", "X-CSRFToken", "HX-Request", "HX-Current-URL"]
    )  # fmt: skip

    def look(sent: tuple[str, str, str]) -> None:
        path, name, value = sent
        assert client.get(path, headers={name: value}).status_code < 500

    paths = st.sampled_from(["/api/v1/projects/", "/api/v1/schema/", "/", "/p/pilot/", "/healthz"])
    explore(n_examples, st.tuples(paths, names, HEADERS | TYPES), look)


@explored
def test_request_when_its_content_type_is_anything_then_an_answer_below_500(
    n_examples: int, project: Project
) -> None:
    from annotation.config.wsgi import application

    def look(kind: str) -> None:
        environ = {
            "REQUEST_METHOD": "POST",
            "PATH_INFO": "/accounts/login/",
            "CONTENT_TYPE": kind,
            "CONTENT_LENGTH": "9",
            "REMOTE_ADDR": "127.0.0.1",
            "HTTP_HOST": "localhost",
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "wsgi.input": io.BytesIO(b"login=a&b"),
            "wsgi.url_scheme": "http",
        }
        answered: list[str] = []
        list(application(environ, lambda status, headers: answered.append(status)))
        assert answered
        assert answered[0] < "500"

    with kept_connection():
        explore(n_examples, TYPES | HEADERS, look)


@explored
def test_token_when_the_text_is_anything_then_nobody(n_examples: int, db: None) -> None:
    def look(text: str) -> None:
        assert use_token(text) is None

    explore(n_examples, HEADERS | st.text(max_size=60).map("rt_{}".format), look)


@explored
def test_address_when_it_is_anything_then_an_answer_below_500(
    n_examples: int, project: Project
) -> None:
    client = Client(raise_request_exception=False)

    def look(sent: tuple[bytes, bytes]) -> None:
        path, query = ("".join(f"%{byte:02x}" for byte in part) for part in sent)
        for start in ("/api/v1/", "/api/v1/projects/pilot/releases/", "/p/", "/accounts/"):
            assert client.get(f"{start}{path}?page={query}").status_code < 500

    explore(n_examples, st.tuples(st.binary(max_size=20), st.binary(max_size=20)), look)
