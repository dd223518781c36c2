"""VOC and COCO folders: written and read again, and everything that is wrong with one."""

import json

import numpy as np
import pytest
from PIL import Image

from ngjax import data
from ngjax.data.boxes import coco, voc
from ngjax.data.boxes.detection import pack, truths, unpack
from ngjax.data.dataset import Dataset, Split
from ngjax.types import UserError

SIDE = 16
CLASSES = ("cat", "dog & fox")


def held():
    """Three pictures to train on, one of them empty, two for dev, one for test."""
    generator = np.random.default_rng(0)
    splits = {}
    for name, counts in {"train": (2, 0, 1), "dev": (1, 2), "test": (3,)}.items():
        objects = []
        for count in counts:
            low = generator.integers(0, SIDE - 5, (count, 2))
            boxes = np.concatenate([low, low + generator.integers(2, 5, (count, 2))], axis=1)
            flags = np.where(np.arange(count) == 1, -1, 1)
            objects.append((boxes / SIDE, np.arange(count) % 2, flags))
        pixels = generator.integers(0, 256, (len(counts), SIDE, SIDE, 3)).astype(np.uint8)
        splits[name] = Split(pixels, pack(objects, most=3))
    return Dataset(
        "made", "Made", "boxes", **splits, classes=CLASSES, origin="", licence="", notes=""
    )


FORMATS = {"voc": voc, "coco": coco}


@pytest.mark.parametrize("name", FORMATS)
def test_what_was_written_is_read_again(name, tmp_path):
    written = held()
    FORMATS[name].write(tmp_path, written)
    read = data.load(data.Data(name=name, directory=str(tmp_path), size=SIDE))
    assert read.classes == CLASSES and read.kind == "boxes" and not read.left_out
    for part in ("train", "dev", "test"):
        one, other = getattr(written, part), getattr(read, part)
        np.testing.assert_array_equal(one.inputs, other.inputs)
        np.testing.assert_allclose(one.targets, other.targets, atol=1e-6)
    assert truths(read.dev.targets)[1].ignored.tolist() == [False, True]


@pytest.mark.parametrize("name", FORMATS)
def test_pictures_are_stretched_and_boxes_with_them(name, tmp_path):
    FORMATS[name].write(tmp_path, held())
    wide = Image.new("RGB", (40, 20), "white")
    if name == "voc":
        wide.save(tmp_path / "JPEGImages" / "train_000001.png")
        annotate(tmp_path, "train_000001", (40, 20), [("cat", (11, 5, 30, 15))])
    else:
        wide.save(tmp_path / "train" / f"{2:012d}.png")
        change(tmp_path, images=lambda rows: rows[1].update(width=40, height=20))
        row = {"id": 99, "image_id": 2, "category_id": 1, "bbox": [10, 4, 20, 11]}
        change(tmp_path, annotations=lambda rows: rows.append(row))
    read = data.load(data.Data(name=name, directory=str(tmp_path), size=SIDE))
    boxes, classes, mask = unpack(read.train.targets[1])
    assert read.train.inputs.shape == (3, SIDE, SIDE, 3)
    np.testing.assert_allclose(boxes[0], [10 / 40, 4 / 20, 30 / 40, 15 / 20], atol=1e-6)
    assert classes[0] == 0 and mask.tolist() == [1, 0, 0]


def annotate(root, name, size, objects, more=""):
    things = "".join(
        f"<object><name>{label}</name><bndbox><xmin>{a}</xmin><ymin>{b}</ymin><xmax>{c}</xmax>"
        f"<ymax>{d}</ymax></bndbox></object>"
        for label, (a, b, c, d) in objects
    )
    text = f"<size><width>{size[0]}</width><height>{size[1]}</height></size>{things}"
    (root / "Annotations" / f"{name}.xml").write_text(f"{more}<annotation>{text}</annotation>")


def change(root, part="train", **changes):
    path = root / "annotations" / f"instances_{part}.json"
    told = json.loads(path.read_text())
    for key, how in changes.items():
        how(told[key])
    path.write_text(json.dumps(told))


def objects(*listed):
    return lambda root: annotate(root, "train_000000", (SIDE, SIDE), listed)


ENTITY = '<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/hostname">]>'
BROKEN = {  # the format, how it is broken, what the line says, what is left when it is passed over
    "no area": ("voc", objects(("cat", (5, 5, 5, 5))), "has no area", 3),
    "outside": ("voc", objects(("cat", (5, 5, 30, 9))), "leaves the picture of 16x16", 3),
    "no class": ("voc", objects(("cow", (5, 5, 9, 9))), "'cow' is not known", 3),
    "nan": ("voc", objects(("cat", (5, 5, "nan", 9))), "holds no numbers", 3),
    "picture": (
        "voc",
        lambda root: (root / "JPEGImages" / "train_000001.png").write_bytes(b"\x89PNG no"),
        "train_000001.png: not a readable image",
        2,
    ),
    "size": (
        "voc",
        lambda root: annotate(root, "train_000001", (SIDE, 9), []),
        "says 16x9 pixels, train_000001.png has 16x16",
        2,
    ),
    "doctype": (
        "voc",
        lambda root: annotate(root, "train_000001", (SIDE, SIDE), [], ENTITY),
        "train_000001.xml: holds a DOCTYPE",
        2,
    ),
    "xml": (
        "voc",
        lambda root: (root / "Annotations" / "train_000001.xml").write_text("<a><b></a>"),
        "train_000001.xml: not well-formed",
        2,
    ),
    "no picture": (
        "voc",
        lambda root: (root / "JPEGImages" / "train_000001.png").unlink(),
        "train_000001.jpg: missing",
        2,
    ),
    "coco area": (
        "coco",
        lambda root: change(root, annotations=lambda rows: rows[0].update(bbox=[1, 1, 0, 3])),
        "has no area",
        3,
    ),
    "coco outside": (
        "coco",
        lambda root: change(root, annotations=lambda rows: rows[0].update(bbox=[-3, 1, 9, 3])),
        "leaves the picture",
        3,
    ),
    "coco class": (
        "coco",
        lambda root: change(root, annotations=lambda rows: rows[0].update(category_id=7)),
        "class 'category 7' is not known",
        3,
    ),
    "coco picture": (
        "coco",
        lambda root: (root / "train" / f"{2:012d}.png").write_bytes(b"no"),
        "000000000002.png: not a readable image",
        2,
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_broken_is_named_and_passed_over_if_asked(case, tmp_path):
    name, breaks, says, left = BROKEN[case]
    FORMATS[name].write(tmp_path, held())
    breaks(tmp_path)
    with pytest.raises(UserError, match=says) as refusal:
        FORMATS[name].folder({"": tmp_path}, SIDE)
    assert "\n" not in str(refusal.value) and str(tmp_path) in str(refusal.value)
    parts = FORMATS[name].folder({"": tmp_path}, SIDE, skip_broken=True)
    assert len(parts.train) == left
    assert len(parts.left_out) == 1 and says in parts.left_out[0]
    passed_over = data.Data(name=name, directory=str(tmp_path), size=SIDE, skip_broken=True)
    assert "1 things left out" in data.load(passed_over).notes


def test_a_box_over_the_edge_is_cut_off(tmp_path):
    voc.write(tmp_path, held())
    objects(("cat", (5, 5, 30, 9)))(tmp_path)
    parts = voc.folder({"": tmp_path}, SIDE, mend_boxes=True)
    np.testing.assert_allclose(parts.train.targets[0, 0, :4], [4 / 16, 4 / 16, 1, 9 / 16])
    assert "cut off at the edge" in parts.left_out[0]


def erase(*names):
    return lambda root: [path.unlink() for name in names for path in root.glob(name)]


def lists(text):
    return lambda root: (root / "ImageSets" / "Main" / "train.txt").write_text(text)


def text(name, content):
    return lambda root: (root / name).write_text(content)


FOREIGN = {
    "no folder": ("voc", lambda root: (root / "JPEGImages").rename(root / "x"), "no such folder"),
    "empty list": ("voc", lists("\n"), "lists no picture"),
    "away": ("voc", lists("../../secret\n"), "no plain name"),
    "unannotated": ("voc", lists("nobody\n"), "nobody.xml: cannot be read"),
    "sums": ("voc", text("SHA256SUMS", "0" * 64 + "  classes.txt\n"), "another sha256"),
    "sums away": ("voc", text("SHA256SUMS", "0" * 64 + "  ../x\n"), "is no checksum"),
    "no json": ("coco", erase("annotations/*"), "holds neither"),
    "bad json": ("coco", text("annotations/instances_train.json", "[1"), "not a readable JSON"),
    "no lists": ("coco", text("annotations/instances_train.json", "{}"), "no list of images"),
    "leads out": (
        "coco",
        lambda root: change(root, images=lambda rows: rows[0].update(file_name="../a.png")),
        "leads out of the folder",
    ),
    "no image": (
        "coco",
        lambda root: change(root, annotations=lambda rows: rows[0].update(image_id=77)),
        "is of image 77",
    ),
    "no number": (
        "coco",
        lambda root: change(root, annotations=lambda rows: rows[0].update(bbox=[1, 2])),
        "lacks something",
    ),
}


@pytest.mark.parametrize("case", FOREIGN)
def test_what_is_no_such_folder_is_refused_in_one_line(case, tmp_path):
    name, breaks, says = FOREIGN[case]
    FORMATS[name].write(tmp_path, held())
    breaks(tmp_path)
    with pytest.raises(UserError, match=says) as refusal:
        FORMATS[name].folder({"": tmp_path}, SIDE)
    assert "\n" not in str(refusal.value)


def test_no_entity_is_ever_defined_in_any_encoding():
    for encoding in ("utf-8", "utf-16"):
        content = f'<?xml version="1.0" encoding="{encoding}"?>{ENTITY}<a>&e;</a>'.encode(encoding)
        with pytest.raises(UserError, match="holds a DOCTYPE"):
            voc.parse(content, "a.xml")


def test_a_folder_without_lists_is_split_as_the_notes_do(tmp_path):
    voc.write(tmp_path, held())
    for path in (tmp_path / "ImageSets" / "Main").iterdir():
        path.unlink()
    read = data.load(data.Data(name="voc", directory=str(tmp_path), size=SIDE, dev=1, test=2))
    assert [len(part) for part in (read.train, read.dev, read.test)] == [3, 1, 2]
    limited = data.load(data.Data(name="voc", directory=str(tmp_path), limit=2, dev=0, test=0))
    assert len(limited.train) == 2


def test_skip_broken_is_of_boxes_alone():
    with pytest.raises(UserError, match="skip_broken: digits holds no boxes"):
        data.load(data.Data(name="digits", skip_broken=True))
