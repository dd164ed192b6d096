"""The QaTa-COV19 folders: `Images/x.png`, `Ground-truths/mask_x.png`, `Lung-masks/lung_x.png`.

Stored bytes are released unchanged. An image has a `Lung-masks` file if its lung mask is known.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from annotation.formats.registry import Layout, LayoutFile, LayoutImage, register
from annotation.formats.released import ImageContent, ReleasedImage
from mlloop.pixels.masks import decode_mask


def _paths(image: ReleasedImage) -> Mapping[str, str | None]:
    return {
        "image": f"Images/{image.name}.png",
        "mask": f"Ground-truths/mask_{image.name}.png",
        "lung_mask": f"Lung-masks/lung_{image.name}.png" if image.lung else None,
    }


def _write(contents: Iterable[ImageContent]) -> Iterator[LayoutFile]:
    for content in contents:
        paths = _paths(content.image)
        parts = {"image": content.film, "mask": content.mask, "lung_mask": content.lung}
        for part, stored in parts.items():
            if (path := paths[part]) is not None and stored is not None:
                yield LayoutFile(path, stored)


def _read(folder: Path) -> Iterator[LayoutImage]:
    for path in sorted((folder / "Ground-truths").glob("mask_*.png")):
        name = path.stem.removeprefix("mask_")
        masks = {"infection": decode_mask(path.read_bytes())}
        lung = folder / "Lung-masks" / f"lung_{name}.png"
        if lung.is_file():
            masks["lung"] = decode_mask(lung.read_bytes())
        film = folder / "Images" / f"{name}.png"
        yield LayoutImage(name, masks, film.read_bytes() if film.is_file() else None)


register(
    Layout(
        name="qata",
        mask_encoding="8-bit grey PNG, 0 background, 255 infection or lung, at the image's size",
        paths=_paths,
        write=_write,
        read=_read,
    )
)
