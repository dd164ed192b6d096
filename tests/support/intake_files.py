"""Small real files for the intake tests, written by Pillow and not by the code under test."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image


def film(seed: int, *, size: tuple[int, int] = (48, 64), bits: int = 8) -> np.ndarray:
    """Return a smooth random image `(H, W)`. Different seeds give very different hashes."""
    small = np.random.default_rng(seed).integers(0, 256, (6, 8)).astype(np.uint8)
    grey = np.asarray(Image.fromarray(small).resize(size[::-1], Image.Resampling.BICUBIC))
    return grey if bits == 8 else grey.astype(np.uint16) * 257


def png(pixels: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def mask(*, size: tuple[int, int] = (48, 64), filled: bool = True) -> bytes:
    pixels = np.zeros(size, np.uint8)
    if filled:
        pixels[10:20, 12:30] = 255
    return png(pixels)


def write(folder: Path, files: dict[str, bytes | str]) -> Path:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)
    return folder


def cohort(folder: Path, *, covid: int = 6, normal: int = 3) -> Path:
    """Write a folder like a user's: metadata.csv, images, infection and lung masks."""
    lines = ["image,patient_id,group,view,study_offset_days,infection_mask,lung_mask,odd"]
    files: dict[str, bytes | str] = {}
    for i in range(covid + normal):
        group = "covid" if i < covid else "normal"
        files[f"images/{i}.png"] = png(film(i))
        files[f"masks/{i}.png"] = mask(filled=group == "covid")
        files[f"lungs/{i}.png"] = mask()
        lines.append(f"images/{i}.png,p{i // 2},{group},AP,{i % 2},masks/{i}.png,lungs/{i}.png,x")
    return write(folder, {**files, "metadata.csv": "\n".join(lines)})


def zipped(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()
