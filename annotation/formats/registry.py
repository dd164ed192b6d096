"""The layouts in which a release can be written, by name; `release --format` takes these names.

A layout is one module in `layouts/`, called as the format (`nnu_net` for `nnu-net`), that registers
itself. The names come from the folder, and a module is imported when its layout is asked for: the
web process then loads no library of a format that nobody uses.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from annotation.formats import layouts
from annotation.formats.released import ImageContent, ReleasedImage, StoredContent

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class LayoutFile:
    """One file to write: its path in the layout, with forward slashes, and its content."""

    path: str
    content: bytes | StoredContent


@dataclass(frozen=True, slots=True)
class ReadImage:
    """One image as a layout's reader finds it; masks are (H, W) bool by label, `film` a file."""

    name: str
    masks: Mapping[str, Mask]
    film: bytes | None = None


@dataclass(frozen=True, slots=True)
class Layout:
    """How a release lies in a folder.

    `paths` returns what the manifest says of where one image's parts are. `write` takes one image
    after the other and yields each file when it is complete, so that memory stays flat; a file on
    all images comes last. `read` yields what is in a folder, of ours or of others: it needs no
    manifest. `mask_encoding` says in a few words how a pixel of a mask is written.
    """

    name: str
    mask_encoding: str
    paths: Callable[[ReleasedImage], Mapping[str, str | None]]
    write: Callable[[Iterable[ImageContent]], Iterator[LayoutFile]]
    read: Callable[[Path], Iterator[ReadImage]]


_LAYOUTS: dict[str, Layout] = {}


def register(layout: Layout) -> None:
    """Make a layout known under its name; raise ValueError if another has that name."""
    if _LAYOUTS.setdefault(layout.name, layout) is not layout:
        raise ValueError(f"there are two layouts named {layout.name}")


def layout_names() -> list[str]:
    """Return the names of all layouts, in the order of the alphabet."""
    modules = {module.name.replace("_", "-") for module in pkgutil.iter_modules(layouts.__path__)}
    return sorted(modules | _LAYOUTS.keys())


def layout_named(name: str) -> Layout:
    """Return one layout; raise KeyError if there is none of that name."""
    if name not in _LAYOUTS:
        if name not in layout_names():
            raise KeyError(name)
        importlib.import_module(f"{layouts.__name__}.{name.replace('-', '_')}")
    return _LAYOUTS[name]
