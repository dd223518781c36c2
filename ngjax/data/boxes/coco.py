"""Folders of pictures with boxes as COCO has them (Lin et al. 2014): one JSON a part.

    annotations/instances_PART.json and PART/NAME.jpg, PART as train2017, val2017; or
    PART/_annotations.coco.json among its pictures

"bbox" is [x, y, width, height] in pixels from the upper left.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ngjax.data.boxes.detection import Object, Record, collect, examples
from ngjax.data.dataset import Dataset, Parts
from ngjax.data.images.image import png
from ngjax.types import UserError

PARTS = {"train": "train", "val": "dev", "valid": "dev", "test": "test"}  # how a part begins
BESIDE = "_annotations.coco.json"


def folder(files: Mapping[str, Path], size: int = 0, *, skip_broken: bool = False) -> Parts:
    """A COCO folder, every picture stretched to size x size pixels.

    The classes are the categories of the training part in the order of their ids. Crowds are
    ignored: neither to be found nor wrong to find.

    Args:
        files: the folder under the name "".
        size: pixels a side; 0: `detection.SIDE`.
        skip_broken: see `detection.collect`.

    Raises:
        UserError: no annotations, a malformed JSON, and all that `collect` refuses.
    """
    found = _parts(files[""])
    told = {part: _load(path) for part, (path, _) in found.items()}
    names = _categories(told["train"], found["train"][0])
    records = {
        part: _records(told[part], path, pictures) for part, (path, pictures) in found.items()
    }
    return collect(records, tuple(names.values()), size, skip_broken=skip_broken)


def write(path: Path, held: Dataset) -> None:
    """A set of the kind "boxes" as a COCO folder, its pictures as PNG, which loses nothing.

    Args:
        path: a folder, made where it is not there.
        held: the set.
    """
    (path / "annotations").mkdir(parents=True, exist_ok=True)
    categories = [{"id": k, "name": name} for k, name in enumerate(held.classes, 1)]
    ids = {category["name"]: category["id"] for category in categories}
    for listed, part in (("train", "train"), ("val", "dev"), ("test", "test")):
        (path / listed).mkdir(exist_ok=True)
        images, annotations = [], []
        for pixels, objects in examples(getattr(held, part), held.classes):
            number, (H, W) = len(images) + 1, pixels.shape[:2]
            name = f"{number:012d}.png"
            (path / listed / name).write_bytes(png(pixels))
            images.append({"id": number, "file_name": name, "width": W, "height": H})
            for thing in objects:
                x1, y1, x2, y2 = thing.box
                annotations.append(
                    {
                        "id": len(annotations) + 1,
                        "image_id": number,
                        "category_id": ids[thing.name],
                        "bbox": [x1, y1, x2 - x1, y2 - y1],
                        "area": (x2 - x1) * (y2 - y1),
                        "iscrowd": int(thing.ignored),
                    }
                )
        whole = {"images": images, "annotations": annotations, "categories": categories}
        place = path / "annotations" / f"instances_{listed}.json"
        place.write_text(json.dumps(whole, indent=1), "utf-8")


def _parts(root: Path) -> dict[str, tuple[Path, Path]]:
    """Our parts -> (JSON, folder of its pictures)."""
    found = {}
    for path in sorted((root / "annotations").glob("instances_*.json")):
        called = path.stem.removeprefix("instances_")
        for word, part in PARTS.items():
            if called.startswith(word):
                found[part] = path, root / called
    if not found:
        found = {
            part: (root / word / BESIDE, root / word)
            for word, part in PARTS.items()
            if (root / word / BESIDE).is_file()
        }
    if "train" not in found:
        raise UserError(
            f"{root}: holds neither annotations/instances_train*.json nor train/{BESIDE}; "
            "a COCO folder has one"
        )
    return found


def _load(path: Path) -> Mapping[str, Any]:
    try:
        told = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path}: not a readable JSON ({type(error).__name__})") from None
    for key in ("images", "annotations", "categories"):
        rows = told.get(key) if isinstance(told, dict) else None
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise UserError(f"{path}: has no list of {key}; a COCO annotation has one")
    return told


def _categories(told: Mapping[str, Any], path: Path) -> dict[int, str]:
    try:
        names = {int(row["id"]): str(row["name"]) for row in told["categories"]}
    except (KeyError, TypeError, ValueError):
        raise UserError(f"{path}: a category lacks its id or name") from None
    return dict(sorted(names.items()))


def _records(told: Mapping[str, Any], path: Path, pictures: Path) -> list[Record]:
    names = _categories(told, path)
    objects: dict[Any, list[Object]] = {}
    try:
        for row in told["annotations"]:
            image = row["image_id"]
            x, y, width, height = map(float, row["bbox"])
            name = names.get(row["category_id"], f"category {row['category_id']}")
            objects.setdefault(image, []).append(
                Object(name, (x, y, x + width, y + height), bool(row.get("iscrowd")))
            )
        records = [
            Record(
                f"{path}: {row['file_name']}",
                _inside(pictures, row["file_name"], path),
                (int(row["width"]), int(row["height"])),
                tuple(objects.pop(row["id"], ())),
            )
            for row in told["images"]
        ]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(f"{path}: an image or annotation lacks something ({error})") from None
    if objects:
        raise UserError(f"{path}: a box is of image {next(iter(objects))!r}: there is none")
    return records


def _inside(pictures: Path, name: str, path: Path) -> Path:
    if Path(name).is_absolute() or ".." in Path(name).parts:
        raise UserError(f"{path}: {name!r} leads out of the folder {pictures.name}")
    return pictures / name
