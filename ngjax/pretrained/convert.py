"""From a file of published weights to the variables of a network, every leaf checked."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from ngjax.pretrained import names
from ngjax.pretrained.files import Arrays, read
from ngjax.pretrained.hub import locate
from ngjax.types import UserError

Kernel = Callable[[np.ndarray, tuple[int, ...], int], np.ndarray]  # theirs, our shape, channels
BEHIND_MAPS = "fc6"  # the full connection that reads maps, in VGG and AlexNet


class Convention(NamedTuple):
    """How a publisher names and lays out the leaves of a part."""

    parts: Callable[[nn.Module, frozenset[str]], names.Parts]
    separator: str  # between the name of a part and that of a leaf
    layer: Mapping[str, str]  # our leaves -> theirs
    norm: Mapping[str, str]  # likewise, of a batch normalisation
    kernel: Kernel


def _torch_kernel(kernel: np.ndarray, ours: tuple[int, ...], channels: int) -> np.ndarray:
    """From [F, C, f_H, f_W] or [m, n].

    PyTorch's full connection behind maps reads them channel by channel and ours place by place, so
    its rows are sorted anew: [m, C H W] -> [H W C, m]. timm has it as a convolution already.
    """
    if channels:
        side = math.isqrt(kernel.shape[1] // channels)
        if kernel.ndim == 2 and channels * side * side == kernel.shape[1]:
            kernel = kernel.reshape(kernel.shape[0], channels, side, side)
    if kernel.ndim == 4:
        kernel = kernel.transpose(2, 3, 1, 0)
        return kernel.reshape(-1, kernel.shape[-1]) if len(ours) == 2 else kernel
    return kernel.T


def _as_it_is(kernel: np.ndarray, ours: tuple[int, ...], channels: int) -> np.ndarray:
    """TensorFlow's layout is ours, but for axes of length one."""
    del channels
    return kernel.reshape(ours) if kernel.size == np.prod(ours) else kernel


_TENSORFLOW_LAYER = {"kernel": "kernel", "bias": "bias"}
_TENSORFLOW_NORM = {
    "scale": "gamma",
    "bias": "beta",
    "mean": "moving_mean",
    "var": "moving_variance",
}
CONVENTIONS = MappingProxyType(
    {
        ".safetensors": Convention(
            names.torch_parts,
            ".",
            {"kernel": "weight", "bias": "bias"},
            {"scale": "weight", "bias": "bias", "mean": "running_mean", "var": "running_var"},
            _torch_kernel,
        ),
        ".h5": Convention(names.keras_parts, "/", _TENSORFLOW_LAYER, _TENSORFLOW_NORM, _as_it_is),
        ".mat": Convention(
            names.matconvnet_parts, "/", {"kernel": "weight", "bias": "bias"}, {}, _as_it_is
        ),
        ".npz": Convention(
            names.manifest_parts, "/", _TENSORFLOW_LAYER, _TENSORFLOW_NORM, _as_it_is
        ),
    }
)


def load(
    model: nn.Module, weights: str, shape: tuple[int, int, int], *, leave: tuple[str, ...] = ()
) -> dict[str, Any]:
    """The variables of a network, read from published weights.

    Args:
        model: a network of `ngjax.models` whose call takes images alone.
        weights: a file, or "timm/NAME" of the Hugging Face hub.
        shape: of one image, [H, W, C].
        leave: parts that are missing in the result: the head, where the classes are others.

    Returns:
        {"params": ..., "batch_stats": ...}, float32.

    Raises:
        UserError: the file, or the key in it that is missing or of another shape.
    """
    path = locate(weights)
    arrays = read(path)
    image = jax.ShapeDtypeStruct((1, *shape), jnp.float32)
    like = jax.eval_shape(model.init, jax.random.key(0), image)
    leaves = {
        tuple(entry.key for entry in where): leaf.shape
        for where, leaf in jax.tree_util.tree_leaves_with_path(like)
    }
    convention = CONVENTIONS[path.suffix]
    held = _Held(path, arrays, convention, convention.parts(model, frozenset(arrays)))
    found: dict[str, Any] = {}
    for (collection, *inside, name), ours in leaves.items():
        part = "/".join(inside)
        if part in leave:
            continue
        value = held.leaf(part, name, ours)
        if name == "mean":
            before = (*inside[:-1], _before(inside[-1]))
            if ("params", *before, "bias") not in leaves:
                value = value - held.bias("/".join(before))
        tree = found.setdefault(collection, {})
        for step in inside:
            tree = tree.setdefault(step, {})
        tree[name] = np.ascontiguousarray(value)
    return found


def _before(norm: str) -> str:
    """The layer in front of a normalisation: "conv1" of "bn1", "proj" of "proj_bn"."""
    if norm == "bn":
        return "conv"
    return norm.removesuffix("_bn") if norm.endswith("_bn") else norm.replace("bn", "conv")


class _Held(NamedTuple):
    """What a file holds, and under which names."""

    path: Path
    arrays: Arrays
    convention: Convention
    parts: names.Parts

    def leaf(self, part: str, name: str, ours: tuple[int, ...]) -> np.ndarray:
        """A leaf of ours, laid out as ours.

        Raises:
            UserError: the key that is missing, or of another shape.
        """
        if part not in self.parts:
            raise UserError(f"{self.path}: holds nothing for {part}; leave that part out")
        norm = "bn" in part.rpartition("/")[2]
        leaf = (self.convention.norm if norm else self.convention.layer)[name]
        key = f"{self.parts[part]}{self.convention.separator}{leaf}"
        if name == "kernel" and key not in self.arrays:  # TensorFlow's word for a depthwise one
            depthwise = f"{self.parts[part]}/depthwise_kernel"
            key = depthwise if depthwise in self.arrays else key
        if key not in self.arrays:
            raise UserError(f"{self.path}: has no {key}, which {part}/{name} needs")
        value = theirs = np.asarray(self.arrays[key], np.float32)
        if name == "kernel":
            channels = self._channels() if part == BEHIND_MAPS else 0
            value = self.convention.kernel(theirs, ours, channels)
        if value.shape != ours:
            raise UserError(f"{self.path}: {key} is {theirs.shape}; {part}/{name} needs {ours}")
        return value

    def bias(self, part: str) -> np.ndarray | float:
        """A bias in front of a normalisation, which ours has not: it only moves the mean."""
        leaf = self.convention.layer["bias"]
        key = f"{self.parts.get(part, '')}{self.convention.separator}{leaf}"
        return np.asarray(self.arrays[key], np.float32) if key in self.arrays else 0.0

    def _channels(self) -> int:
        """Maps of the last 3x3 convolution; 0 where no name is of PyTorch."""
        keys = (f"{theirs}.weight" for theirs in self.parts.values())
        shapes = [self.arrays[key].shape for key in keys if key in self.arrays]
        convolved = [shape[0] for shape in shapes if len(shape) == 4 and shape[2] == 3]
        return convolved[-1] if convolved else 0
