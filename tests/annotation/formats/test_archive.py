"""A release's zip has the same bytes at every download."""

from __future__ import annotations

import io
import zipfile

from annotation.formats import archive


def test_archive_streams_the_same_bytes_twice() -> None:
    files = [("r/a.txt", lambda: b"a" * 1000), ("r/b.txt", lambda: b"b")]
    first = b"".join(archive.stream_zip(files))
    assert first == b"".join(archive.stream_zip(files))
    with zipfile.ZipFile(io.BytesIO(first)) as opened:
        assert opened.testzip() is None
        assert opened.namelist() == ["r/a.txt", "r/b.txt"]
        assert opened.read("r/a.txt") == b"a" * 1000
