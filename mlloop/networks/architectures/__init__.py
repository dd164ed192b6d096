"""The architectures that a plan can name: one module for each. Importing a module registers it."""

from __future__ import annotations

from mlloop.networks.architectures import classifier, dla, linknet, manet, unet, unetplusplus

__all__ = ["classifier", "dla", "linknet", "manet", "unet", "unetplusplus"]
