"""The sets of pictures with boxes: whose they are."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path

from ngjax.data.boxes import coco, voc
from ngjax.data.boxes.detection import pack
from ngjax.data.dataset import Parts, Split
from ngjax.data.entry import Entry

SCENES = {"train": 1200, "dev": 200, "test": 400}
SCENE_SIDE, SCENE_DIGITS, SCENE_HEIGHTS = 96, (1, 5), (0.12, 0.45)


def digit_scenes(files: Mapping[str, Path], size: int = 0) -> Parts:
    """One to five real digits at random sizes on crops of real photographs."""
    from ngjax.data.images.composed import scenes  # which loads the digits by this catalogue

    side, splits = size or SCENE_SIDE, {}
    for part, count in SCENES.items():
        made = scenes(count, 0, side, part, objects=SCENE_DIGITS, sides=SCENE_HEIGHTS)
        found = zip(made.boxes / side, made.classes, made.mask, strict=True)
        packed = pack([(boxes[m], classes[m], m[m]) for boxes, classes, m in found])
        splits[part] = Split(made.images, packed)
    return Parts(**splits, classes=tuple("0123456789"))


ENTRIES = (
    Entry(
        name="digit_scenes",
        title="Digits on photographs",
        kind="boxes",
        reader=digit_scenes,
        home="composed of the digits and photographs inside scikit-learn",
        licence="CC BY 4.0 (digits), CC BY 2.0 (photographs)",
        embedded=True,
    ),
    Entry(
        name="bccd",
        title="Blood cells under the microscope (BCCD)",
        kind="boxes",
        reader=functools.partial(voc.folder, mend_boxes=True),  # two of its boxes are points
        home="https://github.com/Shenggan/BCCD_Dataset, its folder BCCD",
        licence="MIT",
    ),
    Entry(
        name="voc",
        title="Your own pictures with boxes, Pascal VOC",
        kind="boxes",
        reader=voc.folder,
        home="a folder with JPEGImages, Annotations and ImageSets/Main",
        licence="your own",
        own=True,
    ),
    Entry(
        name="coco",
        title="Your own pictures with boxes, COCO",
        kind="boxes",
        reader=coco.folder,
        home="a folder with annotations/instances_train*.json and the pictures",
        licence="your own",
        own=True,
    ),
)
