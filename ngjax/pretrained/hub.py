"""Where a file of weights is: a path, or a model of the Hugging Face hub, checked by its sha256."""

from __future__ import annotations

import hashlib
from pathlib import Path

from ngjax.types import UserError

FILE = "model.safetensors"


def locate(weights: str) -> Path:
    """The file that `weights` names; "timm/vgg19.tv_in1k" is downloaded once and kept.

    Raises:
        UserError: no such file, no huggingface_hub, no network, or a file whose sum is wrong.
    """
    path = Path(weights).expanduser()
    if path.suffix or path.exists() or weights.count("/") != 1:
        return path
    try:
        from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url
    except ImportError:
        raise UserError(
            f'--model.weights={weights}: needs huggingface_hub: pip install "ngjax[pretrained]"'
        ) from None
    try:
        kept = Path(hf_hub_download(weights, FILE))
        said = get_hf_file_metadata(hf_hub_url(weights, FILE)).etag
    except Exception as error:  # no network, no such model: the hub has a type for each
        raise UserError(
            f"--model.weights={weights}: could not be downloaded ({_brief(error)}); "
            f"give the path of its {FILE} instead"
        ) from None
    if said and len(said) == 64 and _sha256(kept) != said:
        raise UserError(f"{kept}: its sha256 is not {said}; delete it and try again")
    return kept


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _brief(error: BaseException) -> str:
    told = str(error).strip().splitlines()
    return told[0][:160] if told else type(error).__name__
