"""The layouts in which a release can be written, by name; `release --format` takes these names.

A layout is one module in `layouts/` that has the format's name (`nnu_net` for `nnu-net`) and
registers itself. The known names come from the folder. A module is imported only when its layout is
needed, so the web process loads no library of a format that nobody uses.
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
class LayoutImage:
    """One image that a layout has read: masks as (H, W) bool by label, `film` as a file's bytes."""

    name: str
    masks: Mapping[str, Mask]
    film: bytes | None = None


@dataclass(frozen=True, slots=True)
class Layout:
    """The way in which a release is written to a folder and read back.

    `paths` returns the paths of one image's parts for the manifest. `write` takes one image after
    the other and yields each file when it is complete, so that memory stays flat; a file about all
    images comes last. `read` yields the images of a folder. It needs no manifest, so it also reads
    folders that other programs wrote. `mask_encoding` says in a few words how masks are written.
    """

    name: str
    mask_encoding: str
    paths: Callable[[ReleasedImage], Mapping[str, str | None]]
    write: Callable[[Iterable[ImageContent]], Iterator[LayoutFile]]
    read: Callable[[Path], Iterator[LayoutImage]]


_LAYOUTS: dict[str, Layout] = {}


def register(layout: Layout) -> None:
    """Make a layout known under its name; raise ValueError if another has that name."""
    if _LAYOUTS.setdefault(layout.name, layout) is not layout:
        raise ValueError(f"there are two layouts named {layout.name}")


def layout_names() -> list[str]:
    """Return the names of all layouts, in alphabetical order."""
    modules = {module.name.replace("_", "-") for module in pkgutil.iter_modules(layouts.__path__)}
    return sorted(modules | _LAYOUTS.keys())


def layout_named(name: str) -> Layout:
    """Return the layout with this name; raise KeyError if there is no such layout."""
    if name not in _LAYOUTS:
        if name not in layout_names():
            raise KeyError(name)
        importlib.import_module(f"{layouts.__name__}.{name.replace('-', '_')}")
    return _LAYOUTS[name]
