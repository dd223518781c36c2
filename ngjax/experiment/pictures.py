"""The pictures that every topic of an image network shows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import flax.linen as nn

from ngjax import supervised
from ngjax.experiment.results import Arm
from ngjax.experiment.spec import Picture
from ngjax.report import figures as draw
from ngjax.types import Array


def test_errors(arms: Mapping[str, Arm], caption: str) -> Picture:
    """How much of the test images each arm takes for something else: bars from zero.

    Args:
        arms: by the names that stand at the bars.
        caption: what the bars compare.
    """
    errors = {name: 1 - arm["test/accuracy"] for name, arm in arms.items()}
    spreads = {name: arm.spread("test/accuracy") for name, arm in arms.items()}
    return Picture("test-error", caption, draw.bars(errors, spreads, xlabel="test error"))


def image_network(
    arm: Arm, module: nn.Module, classes: Sequence[str], first: Array
) -> Iterator[Picture]:
    """What an arm took the test images for, its first filters, the maps it makes of one image.

    Args:
        arm: trained.
        module: its network, which returns (logits, activations by name).
        classes: names.
        first: kernel of its first convolution, [H, W, I, O].
    """
    z, batch = arm.predict("test")
    guess, truth = z.argmax(-1), batch["targets"]
    yield Picture(
        f"predictions-{arm.name}",
        f"Test images, the {int((guess != truth).sum())} mistakes of arm {arm.name} first: "
        "read as (is).",
        draw.predictions(batch["inputs"], guess, truth, classes),
    )
    yield Picture(
        f"filters-{arm.name}",
        f"The filters that the first convolution of arm {arm.name} learned: red where positive, "
        "blue where negative; those of colour images in colour.",
        draw.filters(first),
    )
    image = batch["inputs"][:1]
    maps = supervised.activations(module, arm.task, arm.params, arm.state.extra, image)
    yield Picture(
        f"maps-{arm.name}",
        f"What arm {arm.name} makes of the first test image ({classes[truth[0]]}), layer by "
        "layer: the first maps of each, each layer on its own scale.",
        draw.feature_maps({name: a[0] for name, a in maps.items() if a.ndim == 4}),
    )
