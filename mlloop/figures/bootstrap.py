"""Intervals by bootstrap of patients, and ratios that may have no value.

NaN means "no value" in this file. A figure is computed from sums over images, so a resample of
patients needs only the sums of each patient.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from mlloop.pixels.arrays import Float64Array, IntArray

BLOCK = 4_000_000  # random draws in memory at once: 32 MB
FigureOf = Callable[[Float64Array], Float64Array]  # rows of sums -> one figure per row
Json = dict[str, str | int | float | None]


def divide_or_nan(numerator: Float64Array, denominator: Float64Array) -> Float64Array:
    """Return `numerator / denominator`, NaN where `denominator` is 0."""
    ratio = np.full(numerator.shape, np.nan)
    np.divide(numerator, denominator, out=ratio, where=denominator > 0)
    return ratio


def sum_by_patient(rows: Float64Array, patients: Sequence[str]) -> Float64Array:
    """Return the sums `(P, columns)` of the rows `(n, columns)` of each patient.

    Raises ValueError if there is not exactly one patient for each row.
    """
    if len(rows) != len(patients):
        raise ValueError(f"There are {len(rows)} images but {len(patients)} patients for them.")
    # Patients are sorted, so that the draws do not depend on the order of the images.
    keys, index = np.unique(np.asarray(patients, dtype=np.str_), return_inverse=True)
    sums = np.zeros((len(keys), rows.shape[1]))
    np.add.at(sums, index, rows)
    return sums


def resample_patients(n_patients: int, n_boot: int, seed: int, *, width: int) -> Iterator[IntArray]:
    """Yield the indices `(b, P)` of the patients of `n_boot` resamples, `BLOCK / width` a block."""
    generator = np.random.default_rng(seed)
    step = max(1, BLOCK // width)
    for start in range(0, n_boot, step):
        yield generator.integers(0, n_patients, (min(step, n_boot - start), n_patients))


def resample_figures(
    sums: Float64Array, figure_of: FigureOf, n_boot: int, seed: int
) -> Float64Array:
    """Return the figures of `n_boot` resamples, without the resamples whose figure is NaN."""
    if len(sums) == 0 or n_boot < 1:
        return np.empty(0)
    blocks = []
    for chosen in resample_patients(len(sums), n_boot, seed, width=len(sums)):
        # One column at a time: whole rows would take five times the memory.
        columns = [column[chosen].sum(axis=1) for column in sums.T]
        blocks.append(figure_of(np.column_stack(columns)))
    figures = np.concatenate(blocks)
    return figures[~np.isnan(figures)]


def count_patients_with_figure(sums: Float64Array, figure_of: FigureOf) -> int:
    """Count the patients that have a figure. The other patients do not change a resample."""
    return int(np.count_nonzero(~np.isnan(figure_of(sums))))


def interval_95(figures: Float64Array, n_patients: int) -> tuple[float, float]:
    """Return the 95 % interval of resampled figures.

    It is NaN for fewer than two patients, because all resamples would be the same.
    """
    if figures.size == 0 or n_patients < 2:
        return math.nan, math.nan
    low, high = np.percentile(figures, (2.5, 97.5))
    return float(low), float(high)


def two_sided_p(differences: Float64Array) -> float:
    """Return the two-sided p of resampled differences; NaN if the array is empty."""
    if differences.size == 0:
        return math.nan
    below = int(np.count_nonzero(differences <= 0.0))
    above = int(np.count_nonzero(differences >= 0.0))
    # Add 1 to both counts. Without this, p would be 0 if all 1000 resamples have the same sign, and
    # so few resamples cannot prove that (Davison and Hinkley 1997).
    return min(1.0, 2.0 * (min(below, above) + 1) / (differences.size + 1))


def to_json(figure: Any) -> Json:
    """Return the fields of a dataclass, with None for NaN, which JSON cannot hold."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in asdict(figure).items()
    }
