"""The named round plans: their networks and settings.

The numbers of `tiny` and `cpu` were measured here. The numbers of the paper's plans come from the
paper.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import MappingProxyType

from mlloop.contract.checks import PlanError
from mlloop.contract.network_plan import NetworkPlan
from mlloop.contract.plan import Augment, Plan


def tiny() -> Plan:
    """Return the plan for phantoms, in tests, the demo and CI. A member takes seconds on one core.

    Phantoms are few and their lesions small. With half of the images infected and Dice weight 1, a
    network predicts nothing for hundreds of steps (Dice 0.0 after 120 steps). With three quarters
    infected and Dice weight 3 it reaches 0.69 in the same 7 seconds. Three stages beat four at this
    grid (U-Net++ 0.74 in 6 s against 0.71 in 12 s).
    """
    return Plan(
        preset="tiny",
        networks=(
            NetworkPlan("unet-resnet10", "unet", "tu-resnet10t", (32, 16, 8)),
            NetworkPlan("unetplusplus-resnet10", "unetplusplus", "tu-resnet10t", (32, 16, 8)),
            NetworkPlan("linknet-resnet10", "linknet", "tu-resnet10t", (32, 16, 8)),
            NetworkPlan("lung-unet", "unet", "tu-resnet10t", (32, 16, 8), label="lung", steps=80),
        ),
        folds=3,
        grid=64,
        steps=100,
        epochs=5,
        batch_size=8,
        learning_rate=2e-3,
        positive_share=0.75,
        dice_weight=3.0,
        flip_test=True,
        initial="previous",
        threads=1,
        seed=20200927,
        augment=Augment(
            rotate_degrees=8.0, shift=0.05, zoom=0.08, flip=0.5, gamma=0.2, contrast=0.2, noise=0.02
        ),
    )


def cpu() -> Plan:
    """Return the plan for real radiographs on two cores without a GPU.

    The choices were measured on a few dozen infected films (DECISIONS 26). Patches of two pixels
    take a quarter of the time. With twice the steps they reach the figures of full resolution, at
    half the cost. With a warm start, the steps of all rounds add up. With Dice weight 3, long
    training does not lose small infections. Mirroring in training and testing saves readers the
    most corrections.
    Weights fitted out of fold add a point of Dice per image (0.590 to 0.600, 70 films). The lung
    network has a pooled Dice of 0.94 after these steps and 0.95 after twice as many.
    """
    return Plan(
        preset="cpu",
        networks=(
            NetworkPlan("unet-resnet10", "unet", "tu-resnet10t", (64, 32, 24, 16), patch=2),
            NetworkPlan(
                "unetplusplus-resnet10", "unetplusplus", "tu-resnet10t", (32, 24, 16), patch=2
            ),
            NetworkPlan("unet-resnet18", "unet", "resnet18", (64, 32, 24, 16), patch=2),
            NetworkPlan(
                "lung-unet", "unet", "tu-resnet10t", (64, 32, 24, 16), patch=2, label="lung"
            ),
        ),
        folds=3,
        grid=128,
        steps=400,
        epochs=8,
        batch_size=8,
        learning_rate=2e-3,
        positive_share=0.6,
        inner_fraction=0.08,
        dice_weight=3.0,
        flip_test=True,
        initial="previous",
        threads=1,
        seed=20200927,
        augment=Augment(
            rotate_degrees=15.0, shift=0.1, zoom=0.15, flip=0.5, gamma=0.3, contrast=0.2, noise=0.03
        ),
        thresholds="out_of_fold",
        ensemble_weights="out_of_fold",
    )


_FIVE = (256, 128, 64, 32, 16)
PAPER_AUGMENT = Augment(
    rotate_degrees=10.0, shift=0.1, zoom=0.0, gamma=0.0, contrast=0.0, noise=0.0, fill="nearest"
)
# The left and right side of a chest differ, so nothing is mirrored.
STRONG_AUGMENT = Augment(
    rotate_degrees=15.0,
    shift=0.1,
    zoom=0.15,
    gamma=0.3,
    contrast=0.25,
    noise=0.03,
    shear_degrees=5.0,
)


def paper_stage_1() -> Plan:
    """Return the paper's plan for its 500 hand-drawn films: three networks, five folds.

    224 px, Adam at 1e-4, focal + Dice, rotation 10 degrees and shift 10 %, controls drawn as often
    as infected films: 50 epochs of 800 films in batches of 32 are 1,250 steps. The paper starts
    from ImageNet weights. Here `encoder_weights` is empty, because a worker downloads
    nothing by default; set file:PATH if you have them. The paper reports this plan; it was not
    measured here.
    """
    return Plan(
        preset="paper-stage-1",
        networks=(
            NetworkPlan("unet-densenet121", "unet", "densenet121", _FIVE),
            NetworkPlan("unetplusplus-densenet121", "unetplusplus", "densenet121", _FIVE),
            NetworkPlan("dla-densenet121", "dla", "densenet121", _FIVE),
        ),
        folds=5,
        grid=224,
        steps=1250,
        epochs=50,
        batch_size=32,
        learning_rate=1e-4,
        threads=1,
        seed=20200927,
        weight_decay=0.0,
        ema_decay=0.99,
        loss="focal_dice",
        augment=PAPER_AUGMENT,
    )


def paper_stage_2() -> Plan:
    """Return the paper's plan for all its films: five variants of U-Net, U-Net++ and DLA.

    50 epochs of about 4,700 films (as many controls as infected films) are 7,400 steps.
    """
    return replace(
        paper_stage_1(),
        preset="paper-stage-2",
        networks=(
            NetworkPlan("unet-densenet121", "unet", "densenet121", _FIVE),
            NetworkPlan("unetplusplus-densenet121", "unetplusplus", "densenet121", _FIVE),
            NetworkPlan("unetplusplus-inception", "unetplusplus", "inception_v3", _FIVE),
            NetworkPlan("dla-densenet121", "dla", "densenet121", _FIVE),
            NetworkPlan("dla-resnet50", "dla", "resnet50", _FIVE),
        ),
        steps=7400,
    )


def gpu() -> Plan:
    """Return the plan for a GPU that starts from random weights, with the paper's three families.

    It has ten times the paper's learning rate, cross-entropy with the Dice weight of `cpu`, and
    stronger augmentation. Later rounds start from the serving weights.
    """
    return replace(
        paper_stage_1(),
        preset="gpu",
        networks=(
            NetworkPlan("unet-resnet50", "unet", "resnet50", _FIVE),
            NetworkPlan("unetplusplus-densenet121", "unetplusplus", "densenet121", _FIVE),
            NetworkPlan("dla-inception", "dla", "inception_v3", _FIVE),
        ),
        steps=3000,
        learning_rate=1e-3,
        weight_decay=0.01,
        dice_weight=3.0,
        ema_decay=0.995,
        flip_test=False,
        initial="previous",
        loss="bce_dice",
        augment=STRONG_AUGMENT,
    )


PRESETS: MappingProxyType[str, Callable[[], Plan]] = MappingProxyType(
    {
        "tiny": tiny,
        "cpu": cpu,
        "gpu": gpu,
        "paper-stage-1": paper_stage_1,
        "paper-stage-2": paper_stage_2,
    }
)


def preset(name: str) -> Plan:
    """Return the preset plan with this name, or raise PlanError with the known names."""
    if name not in PRESETS:
        raise PlanError("preset", f"{name!r} is not one of {', '.join(PRESETS)}.")
    return PRESETS[name]()
