"""Published weights that the catalogue knows: files of checked sums, with no examples in them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ngjax.data.dataset import Parts
from ngjax.data.entry import Entry, File
from ngjax.types import UserError


def no_examples(files: Mapping[str, Path], size: int = 0) -> Parts:
    """Weights are no data set.

    Raises:
        UserError: always.
    """
    del size
    raise UserError(f"--data.name: {next(iter(files))} holds weights, no examples")


ENTRIES = (
    Entry(
        name="mobilenet_v1_imagenet",
        title="MobileNet v1 1.0 224, learned on ImageNet, up to conv_dw_13",
        kind="weights",
        reader=no_examples,
        home="https://github.com/adamsandwich/tensorflow-demo, mobilenet_v1_1.0_224: its shards "
        "joined, its names kept, as one .npz",
        licence="Apache-2.0",
        files=(
            File(
                "mobilenet_v1_1.0_224_to_conv_dw_13.npz",
                "bf6f834a16505dd34a3165ba3033607788894d841ccfa75e3598f30d5a252595",
                8740596,
            ),
        ),
    ),
)
