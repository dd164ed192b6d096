"""Compute Grad-CAM maps of the classifiers with the `grad-cam` package."""

from __future__ import annotations

from importlib import import_module

import numpy as np
import torch
from torch import nn

from mlloop.networks.devices import Device
from mlloop.pixels.arrays import FloatArray


def activation_maps(
    network: nn.Module, images: FloatArray, device: Device
) -> tuple[FloatArray, FloatArray]:
    """Return Grad-CAM maps `(N, grid, grid)` and probabilities `(N,)` of images `(N, grid, grid)`.

    The maps weigh the output of the submodule `features`.
    Each map is stretched to 0..1 within its film, as the package does.
    """
    # Imported here, because the package takes seconds to load and most processes need no map.
    package = import_module("pytorch_grad_cam")
    targets = import_module("pytorch_grad_cam.utils.model_targets")
    network = network.to(device.torch_device)
    with package.GradCAM(model=network, target_layers=[network.get_submodule("features")]) as cam:
        aims = [targets.ClassifierOutputTarget(0)] * len(images)
        maps = cam(input_tensor=torch.from_numpy(images[:, None]), targets=aims)
        probability = cam.outputs.detach().float().sigmoid()[:, 0].cpu().numpy()
    return np.asarray(maps, np.float32), probability
