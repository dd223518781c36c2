"""The arrays of a file of published weights, by the names that it gives them.

    .safetensors   PyTorch's names (torchvision, timm)
    .npz           NumPy archives, without pickles
    .h5            Keras: "layer/kernel"
    .mat           MatConvNet's networks: "layer/weight", "layer/bias"

A .pth or .pt file is a pickle, which can run any code when it is read; it is refused.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np

from ngjax.types import UserError

Arrays = Mapping[str, np.ndarray]
PICKLES = (".pth", ".pt", ".bin", ".pkl", ".ckpt")


def read(path: Path) -> Arrays:
    """Every array of the file.

    Raises:
        UserError: there is no such file, it is of no known kind, a pickle, or damaged.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file; give a .safetensors, .npz, .h5 or .mat file")
    if path.suffix in PICKLES:
        raise UserError(
            f"{path}: is a pickle, which can run any code when read; save the weights as "
            ".safetensors (safetensors.torch.save_file) and give that"
        )
    if path.suffix not in READERS:
        raise UserError(f"{path}: expected one of {', '.join(READERS)}")
    try:
        return READERS[path.suffix](path)
    except UserError:
        raise
    except Exception as error:  # a damaged file: each library raises what it meets first
        told = str(error).strip().splitlines()[0][:160] if str(error).strip() else type(error)
        raise UserError(f"{path}: cannot be read as {path.suffix} ({told}); get it again") from None


def _safetensors(path: Path) -> Arrays:
    try:
        from safetensors.numpy import load_file
    except ImportError:
        raise UserError(f'{path}: needs safetensors: pip install "ngjax[pretrained]"') from None
    return load_file(path)


def _npz(path: Path) -> Arrays:
    if not zipfile.is_zipfile(path):
        raise UserError(f"{path}: not a whole .npz archive; get it again")
    with np.load(path, allow_pickle=False) as held:
        return {name: held[name] for name in held.files}


def _keras(path: Path) -> Arrays:
    """Datasets by layer and leaf: "block1_conv1/kernel", whatever the version's nesting is."""
    import h5py

    found: dict[str, np.ndarray] = {}
    old = {"W_1": "kernel", "b_1": "bias", "W": "kernel", "b": "bias"}  # Keras 1

    def keep(name: str, item: object) -> None:
        if not isinstance(item, h5py.Dataset):
            return
        layer, *_, leaf = name.split("/")
        leaf = leaf.partition(":")[0]
        if leaf.startswith(f"{layer}_"):
            leaf = leaf[len(layer) + 1 :]
        found[f"{layer}/{old.get(leaf, leaf)}"] = np.asarray(item)

    with h5py.File(path) as file:
        file.get("model_weights", file).visititems(keep)
    return found


def _matconvnet(path: Path) -> Arrays:
    from scipy.io import loadmat

    found: dict[str, np.ndarray] = {}
    held = loadmat(path, variable_names=["layers"])
    if "layers" not in held:
        raise UserError(f"{path}: holds no MatConvNet network; give imagenet-vgg-verydeep-19.mat")
    for layer in held["layers"].ravel():
        record = layer[0, 0]
        if "weights" in (record.dtype.names or ()) and record["weights"].size == 2:
            name = str(record["name"].ravel()[0])
            weight, bias = record["weights"].ravel()
            found[f"{name}/weight"], found[f"{name}/bias"] = weight, bias.ravel()
    return found


READERS: Mapping[str, Callable[[Path], Arrays]] = MappingProxyType(
    {".safetensors": _safetensors, ".npz": _npz, ".h5": _keras, ".mat": _matconvnet}
)
