"""Imports run in the allowed direction only, and the web process loads no torch."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINTER = Path(sys.executable).with_name("lint-imports")
PACKAGES = ("annotation", "mlloop", "fixtures")
HEAVY = ("torch", "torchvision", "timm", "segmentation_models_pytorch")


def heavy_modules_after(code: str, tmp_path: Path) -> str:
    """Run code in a fresh interpreter and return the list of heavy packages that it loaded."""
    probe = f"{code}\nimport sys\nprint([name for name in {HEAVY!r} if name in sys.modules])"
    environment = os.environ | {"ROUNDTRUTH_VAR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", probe], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


WEB = """
from annotation.config.wsgi import application
from django.urls import get_resolver
get_resolver().url_patterns
"""


def test_web_process_loads_no_torch(tmp_path: Path) -> None:
    assert heavy_modules_after(WEB, tmp_path) == "[]"


def test_worker_process_loads_no_torch(tmp_path: Path) -> None:
    code = "from annotation.config.celery import app\napp.loader.import_default_modules()"
    assert heavy_modules_after(code, tmp_path) == "[]"


@pytest.mark.parametrize("folder", ["contract", "figures", "pixels"])
def test_folder_below_the_networks_loads_no_torch(folder: str, tmp_path: Path) -> None:
    modules = [f"mlloop.{folder}.{path.stem}" for path in (ROOT / "mlloop" / folder).glob("*.py")]
    code = "import importlib\n" + "\n".join(f"importlib.import_module({m!r})" for m in modules)
    assert heavy_modules_after(code, tmp_path) == "[]"


def test_the_probe_sees_torch(tmp_path: Path) -> None:
    assert "torch" in heavy_modules_after("import torch", tmp_path)


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [str(LINTER), "--no-cache", "--config", str(folder / "pyproject.toml")]
    environment = os.environ | {"PYTHONPATH": str(folder)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def test_import_contract_holds() -> None:
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout


# One wrong import for each contract, upward or sideways.
PLANTED = {
    "mlloop/figures/metrics.py": "import torch\n",
    "mlloop/pixels/masks.py": "import mlloop.networks.weights\n",
    "mlloop/contract/splits.py": "import django.db\n",
    "mlloop/networks/losses.py": "import mlloop.training.steps\n",
    "annotation/models/project.py": "import annotation.services.projects\n",
    "annotation/services/projects.py": "import annotation.api.urls\n",
    "annotation/services/reading/leases.py": "import annotation.services.releases.freezing\n",
    "annotation/services/rounds/lifecycle.py": "import annotation.selectors.reading.cases\n",
    "annotation/selectors/releases/versions.py": "import annotation.selectors.rounds.gate\n",
    "annotation/bridge/child.py": "import annotation.bridge.loop\n",
    "annotation/bridge/loop.py": "import torch\n",
    "annotation/web/images.py": "import annotation.bridge.child\n",
}


@pytest.mark.parametrize("name", PLANTED)
def test_import_contract_breaks_on_a_planted_import(name: str, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
    for source in [
        *ROOT.glob("annotation/**/*.py"),
        *ROOT.glob("mlloop/**/*.py"),
        *ROOT.glob("fixtures/*.py"),
    ]:
        copy = tmp_path / source.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(source.read_bytes())
    target = tmp_path / name
    target.write_text(target.read_text() + PLANTED[name])
    done = lint_imports(tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    module = name.removesuffix(".py").replace("/", ".")
    assert f"{module} ->" in done.stdout
