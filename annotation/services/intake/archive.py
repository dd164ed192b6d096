"""Unpack an uploaded zip: no entry leaves the folder, and no archive grows beyond its limits.

The whole archive is refused if an entry is a link or encrypted, or if its name leads out of the
folder. Archives inside the archive are not opened.
"""

from __future__ import annotations

import errno
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from django.conf import settings

from annotation.errors import Invalid

# Films compress to half their size at best, and blank masks to a hundredth. A file that compresses
# to less than a thousandth is an attack. Small archives are not checked: they do no harm.
MAX_RATIO = 1000
_RATIO_CHECKED_ABOVE = 64 * 1024**2
_CHUNK = 1024**2
_MAX_NAME_LENGTH = 400

# What zipfile raises for the bytes of an archive. ValueError covers names that are not text.
_DAMAGED = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, OverflowError,
    ValueError,
)  # fmt: skip


def unpack(archive: Path, folder: Path, *, beat: Callable[[], None] = lambda: None) -> None:
    """Unpack `archive` into `folder`; call `beat` after each entry, so that a claim stays fresh.

    Raises Invalid, which names the entry and the reason.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = _checked_entries(opened, archive.stat().st_size)
            bytes_left = settings.MAX_UPLOAD_BYTES
            for entry in entries:
                bytes_left -= _unpack_entry(opened, entry, folder, bytes_left)
                beat()
    except _DAMAGED as error:
        raise _refused("it is damaged, or it is not a zip file.") from error
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise  # a full disk, for example, is not the archive's fault
        raise _refused("it states a place outside itself, so it is damaged.") from error


def _checked_entries(opened: zipfile.ZipFile, size: int) -> list[zipfile.ZipInfo]:
    """Return the entries to unpack, after checks of the names and sizes that the archive states.

    The archive may state wrong sizes, so `_unpack_entry` counts the bytes again.
    """
    entries = [entry for entry in opened.infolist() if not _is_junk(entry)]
    if len(entries) > settings.MAX_UPLOAD_FILES:
        raise _refused(
            f"it has {len(entries)} files, more than the {settings.MAX_UPLOAD_FILES} allowed."
        )
    for entry in entries:
        _check_entry(entry)
    names = {entry.filename.casefold() for entry in entries}
    if len(names) < len(entries):
        raise _refused("two files in it have the same name.")
    total = sum(entry.file_size for entry in entries)
    if total > settings.MAX_UPLOAD_BYTES:
        most = settings.MAX_UPLOAD_BYTES // 1024**2
        raise _refused(f"unpacked it has {total // 1024**2} MB, more than the {most} MB allowed.")
    if total > _RATIO_CHECKED_ABOVE and total > MAX_RATIO * size:
        raise _refused(f"it grows more than {MAX_RATIO} times when it is unpacked.")
    return entries


def _is_junk(entry: zipfile.ZipInfo) -> bool:
    name = entry.filename
    # `is_dir` would fail for an entry without a name.
    return name.startswith("__MACOSX/") or name.endswith(("/", ".DS_Store"))


def _check_entry(entry: zipfile.ZipInfo) -> None:
    name = entry.filename
    parts = PurePosixPath(name).parts
    odd = "\\" in name or ":" in name or any(ord(char) < 32 for char in name)
    if name.startswith("/") or ".." in parts or odd or not parts:
        raise _refused(f"the name {name[:80]!r} leads out of the folder or is not plain.")
    if len(name) > _MAX_NAME_LENGTH or any(len(part.encode()) > 255 for part in parts):
        raise _refused(f"the name {name[:80]!r}… is too long.")
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFREG):
        raise _refused(f"{name[:80]!r} is a link or a device; only plain files are taken.")
    if entry.flag_bits & 0x1:
        raise _refused(f"{name[:80]!r} is encrypted.")


def _unpack_entry(
    opened: zipfile.ZipFile, entry: zipfile.ZipInfo, folder: Path, bytes_left: int
) -> int:
    """Write one entry; return the number of bytes written, whatever its header states."""
    target = folder / entry.filename
    if not target.resolve().is_relative_to(folder.resolve()):
        raise _refused(f"the name {entry.filename[:80]!r} leads out of the folder.")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        written = 0
        with opened.open(entry) as source, target.open("xb") as out:
            while chunk := source.read(_CHUNK):
                written += len(chunk)
                if written > min(bytes_left, entry.file_size):
                    raise _refused(f"{entry.filename[:80]!r} is larger than the archive states.")
                out.write(chunk)
    except (FileExistsError, NotADirectoryError):
        raise _refused(f"two files in it have the name {entry.filename[:80]!r}.") from None
    except RuntimeError as error:
        raise _refused(f"{entry.filename[:80]!r} cannot be opened.") from error
    return written


def _refused(reason: str) -> Invalid:
    return Invalid(f"The zip file was refused: {reason}", code="archive_refused", field="archive")
