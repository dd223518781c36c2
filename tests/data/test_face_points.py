from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from ngjax import data
from ngjax.data.faces import face_points
from ngjax.data.faces.face_points import EYE_CORNERS, MIRROR, POINTS, TABLE, photographed
from ngjax.types import UserError

HEADER = "image_name," + ",".join(f"part_{i}_{c}" for i in range(POINTS) for c in "xy")


def face(width=40.0, left=80.0, top=70.0) -> np.ndarray:
    points = face_points.shape(np.random.default_rng(0))
    points = points - points.min(axis=0)
    return points / points[:, 0].max() * width + (left, top)


def row(name: str, points: np.ndarray) -> str:
    return ",".join([name, *(f"{v:.3f}" for v in points.reshape(-1))])


@pytest.fixture
def folder(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (200, 220, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    (tmp_path / TABLE).write_text(f"{HEADER}\n{row('a.png', face())}\n")
    return tmp_path


def test_points_follow_their_pixels(folder, monkeypatch):
    """A white dot on one point of a black picture is found again at that point of the crop."""
    pixels = np.zeros((200, 220, 3), np.uint8)
    x, y = np.rint(face()[33]).astype(int)
    pixels[y - 1 : y + 2, x - 1 : x + 2] = 255
    Image.fromarray(pixels).save(folder / "a.png")
    parts = photographed({"": folder})
    image, points = parts.train.inputs[0], parts.train.targets[0]
    assert image.shape == (64, 64, 3) and points.shape == (68, 2)
    bright = np.where(image[..., 0] == 127, 0, image[..., 0].astype(float))  # grey: outside
    weight = bright / bright.sum()
    rows, columns = np.mgrid[:64, :64] + 0.5
    found = np.array([(weight * columns).sum(), (weight * rows).sum()]) / 64
    np.testing.assert_allclose(found, points[33], atol=0.04)


@pytest.mark.parametrize(
    ("table", "told"),
    [
        (HEADER + "\n", "holds no face"),
        ("", "holds no face"),
        (HEADER + "\na.png,1,2\n", "line 2: 3 columns, not 137"),
        (f"{HEADER}\n{row('a.png', face()).replace('.', 'x')}\n", "no number"),
        (f"{HEADER}\n{row('a.png', face() * np.nan)}\n", "not finite"),
        (f"{HEADER}\n{row('b.png', face())}\n", r"b\.png: missing, and named in line 2"),
        (f"{HEADER}\n{row('../a.png', face())}\n", "no file's name"),
        (f"{HEADER}\n{row('a.png', face() * 0 + 5)}\n", "no area"),
        (f"{HEADER}\n{row('a.png', face(left=500.0))}\n", "outside its picture"),
    ],
)
def test_bad_tables_are_refused(folder, table, told):
    (folder / TABLE).write_text(table)
    with pytest.raises(UserError, match=told) as refused:
        photographed({"": folder})
    assert len(str(refused.value).splitlines()) == 1


def test_broken_picture_and_missing_table_are_named(folder):
    (folder / "a.png").write_bytes(b"no picture")
    with pytest.raises(UserError, match=r"a\.png: not a readable image"):
        photographed({"": folder})
    (folder / TABLE).unlink()
    with pytest.raises(UserError, match="cannot be read"):
        photographed({"": folder})


def test_mirror_exchanges_left_and_right():
    assert sorted(MIRROR) == list(range(POINTS))
    np.testing.assert_array_equal(MIRROR[MIRROR], np.arange(POINTS))
    points = face_points.shape(np.random.default_rng(3))
    np.testing.assert_allclose(points[MIRROR] * (-1, 1), points, atol=1e-9)  # it is symmetric
    left, right = EYE_CORNERS
    assert points[left, 0] == points[36:42, 0].min() and points[right, 0] == points[42:48, 0].max()


def test_drawn_faces_are_the_same_for_everybody(monkeypatch):
    monkeypatch.setattr(face_points, "DRAWN", 4)
    first, again = face_points.drawn({}).train, face_points.drawn({}).train
    np.testing.assert_array_equal(first.inputs, again.inputs)
    assert first.inputs.shape == (4, 64, 64, 3) and first.targets.shape == (4, 68, 2)
    assert (first.targets > 0).all() and (first.targets < 1).all()
    assert data.entry("face-landmarks").kind == data.entry("drawn_faces").kind == "landmarks"
