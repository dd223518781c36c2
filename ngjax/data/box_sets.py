"""The sets of pictures with boxes: whose they are."""

from __future__ import annotations

import functools

from ngjax.data import coco, voc
from ngjax.data.entry import Entry

ENTRIES = (
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
