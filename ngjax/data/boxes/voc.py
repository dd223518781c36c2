"""Folders of pictures with boxes as the Pascal VOC challenge has them (Everingham et al. 2010).

    JPEGImages/NAME.jpg   Annotations/NAME.xml   ImageSets/Main/{train,val,test}.txt: NAMEs

The XML counts pixels from one and its last pixel belongs to the box: x1 = xmin - 1, x2 = xmax.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree
from xml.parsers import expat
from xml.sax.saxutils import escape

from ngjax.data.boxes.detection import Object, Record, collect, examples
from ngjax.data.dataset import Dataset, Parts
from ngjax.data.images.image import SUFFIXES, png
from ngjax.types import UserError

LISTS = {"train": "train", "dev": "val", "test": "test"}  # our parts -> their files
LARGEST = 10_000_000  # bytes of one annotation; more is not meant
SUMS = "SHA256SUMS"


def folder(
    files: Mapping[str, Path],
    size: int = 0,
    *,
    skip_broken: bool = False,
    mend_boxes: bool = False,
) -> Parts:
    """A VOC folder, every picture stretched to size x size pixels.

    Without lists every annotated picture is for training. The classes are those of classes.txt, a
    line each, where it is there, else those of the training pictures in the order of their names.
    Objects marked difficult are ignored: neither to be found nor wrong to find.

    Args:
        files: the folder under the name "".
        size: pixels a side; 0: `detection.SIDE`.
        skip_broken: see `detection.collect`.
        mend_boxes: likewise.

    Raises:
        UserError: a missing folder or picture, malformed XML, and all that `collect` refuses.
    """
    root = files[""]
    for name in ("JPEGImages", "Annotations"):
        if not (root / name).is_dir():
            raise UserError(f"{root / name}: no such folder; a VOC folder has one")
    _check_sums(root)
    names = _names(root)
    pictures = {p.stem: p for p in sorted((root / "JPEGImages").iterdir()) if _is_picture(p)}
    lines: list[str] = []
    records: dict[str, list[Record]] = {}
    for part, listed in names.items():
        records[part] = []
        for name in listed:
            try:
                records[part].append(_record(root, name, pictures))
            except UserError as error:
                if not skip_broken:
                    raise
                lines.append(f"{error}: the picture is left out")
    classes = _classes(root, records)
    held = collect(records, classes, size, skip_broken=skip_broken, mend_boxes=mend_boxes)
    return dataclasses.replace(held, left_out=(*lines, *held.left_out))


def write(path: Path, held: Dataset) -> None:
    """A set of the kind "boxes" as a VOC folder, its pictures as PNG, which loses nothing.

    Args:
        path: a folder, made where it is not there.
        held: the set.
    """
    for name in ("JPEGImages", "Annotations", "ImageSets/Main"):
        (path / name).mkdir(parents=True, exist_ok=True)
    (path / "classes.txt").write_text("".join(f"{name}\n" for name in held.classes), "utf-8")
    for part, listed in LISTS.items():
        names = []
        for number, (pixels, objects) in enumerate(examples(getattr(held, part), held.classes)):
            name = f"{listed}_{number:06d}"
            names.append(f"{name}\n")
            (path / "JPEGImages" / f"{name}.png").write_bytes(png(pixels))
            xml = _xml(f"{name}.png", pixels.shape, objects)
            (path / "Annotations" / f"{name}.xml").write_text(xml, "utf-8")
        (path / "ImageSets" / "Main" / f"{listed}.txt").write_text("".join(names), "utf-8")


def _xml(name: str, shape: tuple[int, int, int], objects: list[Object]) -> str:
    H, W, C = shape
    lines = [
        "<annotation>",
        f"  <filename>{escape(name)}</filename>",
        f"  <size><width>{W}</width><height>{H}</height><depth>{C}</depth></size>",
    ]
    for thing in objects:
        x1, y1, x2, y2 = thing.box
        corners = {"xmin": x1 + 1, "ymin": y1 + 1, "xmax": x2, "ymax": y2}
        inside = "".join(f"<{key}>{value:.7g}</{key}>" for key, value in corners.items())
        lines.append(
            f"  <object><name>{escape(thing.name)}</name>"
            f"<difficult>{int(thing.ignored)}</difficult>"
            f"<bndbox>{inside}</bndbox></object>"
        )
    return "\n".join([*lines, "</annotation>", ""])


def parse(content: bytes, where: str) -> ElementTree.Element:
    """XML without a document type: no entity is ever defined, so none can expand or reach a file.

    Raises:
        UserError: malformed, a DOCTYPE, or too large to be meant.
    """
    if len(content) > LARGEST:
        raise UserError(f"{where}: {len(content):,} bytes are too many for an annotation")
    tree, parser = ElementTree.TreeBuilder(), expat.ParserCreate()

    def refuse(*_: object) -> None:
        raise UserError(f"{where}: holds a DOCTYPE, which no annotation needs; remove it")

    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = tree.start
    parser.EndElementHandler = tree.end
    parser.CharacterDataHandler = tree.data
    try:
        parser.Parse(content, True)
    except expat.ExpatError as error:
        raise UserError(f"{where}: not well-formed XML ({error}); replace or remove it") from None
    return tree.close()


def _record(root: Path, name: str, pictures: Mapping[str, Path]) -> Record:
    path = root / "Annotations" / f"{name}.xml"
    try:
        tree = parse(path.read_bytes(), str(path))
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); it is listed") from None
    if name not in pictures:
        raise UserError(f"{root / 'JPEGImages' / name}.jpg: missing; its annotation is there")
    try:
        size = tree.find("size")
        stated = None if size is None else (_number(size, "width"), _number(size, "height"))
        objects = tuple(_object(thing) for thing in tree.iter("object"))
    except (ValueError, AttributeError, TypeError):
        raise UserError(f"{path}: an object or the size lacks a name or a number") from None
    whole = stated and tuple(map(int, stated))
    return Record(str(path), pictures[name], whole if whole and all(whole) else None, objects)


def _object(thing: ElementTree.Element) -> Object:
    box = thing.find("bndbox")
    xmin, ymin, xmax, ymax = (_number(box, key) for key in ("xmin", "ymin", "xmax", "ymax"))
    point = xmin >= xmax or ymin >= ymax  # a slip of the hand, not a box of one pixel
    first = 0 if point else 1
    hard = (thing.findtext("difficult") or "0").strip() == "1"
    return Object(thing.findtext("name").strip(), (xmin - first, ymin - first, xmax, ymax), hard)


def _number(tree: ElementTree.Element, key: str) -> float:
    return float(tree.findtext(key))


def _names(root: Path) -> dict[str, list[str]]:
    """Our parts -> the pictures listed for them; of a folder without lists, all."""
    lists = root / "ImageSets" / "Main"
    names = {}
    for part, listed in LISTS.items():
        path = lists / f"{listed}.txt"
        if path.is_file():
            lines = path.read_text("utf-8", errors="replace").splitlines()
            names[part] = [line.split()[0] for line in lines if line.strip()]
            odd = [name for name in names[part] if Path(name).name != name or name in (".", "..")]
            if odd:
                raise UserError(f"{path}: {odd[0]!r} is no plain name of a picture")
    if not names:
        names["train"] = sorted(path.stem for path in (root / "Annotations").glob("*.xml"))
    if not names.get("train"):
        raise UserError(f"{lists / 'train.txt'}: lists no picture; training needs some")
    return names


def _classes(root: Path, records: Mapping[str, list[Record]]) -> tuple[str, ...]:
    path = root / "classes.txt"
    if path.is_file():
        lines = (line.strip() for line in path.read_text("utf-8", errors="replace").splitlines())
        return tuple(line for line in lines if line)
    return tuple(sorted({thing.name for record in records["train"] for thing in record.objects}))


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def _check_sums(root: Path) -> None:
    """Where the folder brings a list of checksums, every file of it is what the list says."""
    if not (root / SUMS).is_file():
        return
    for line in (root / SUMS).read_text("utf-8", errors="replace").splitlines():
        sha256, _, name = line.partition("  ")
        if not name or ".." in Path(name).parts or Path(name).is_absolute():
            raise UserError(f"{root / SUMS}: {line[:80]!r} is no checksum of a file")
        path = root / name
        if not path.is_file():
            raise UserError(f"{path}: missing; {SUMS} lists it")
        if hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
            raise UserError(f"{path}: another sha256 than {SUMS} has; get the file again")
