"""Average precision as pycocotools computes it: random pictures, with ties in score and crowds.

"ties" has one picture more, in both orders of its two objects: the surer box overlaps both alike.
"""

import contextlib
import io

import numpy as np

PICTURES, CLASSES = 40, 4  # the last class has no object at all


def scene(rng):
    """Objects, and boxes near some of them: corners on a coarse grid, scores of two decimals."""
    m, n = rng.integers(0, 6), rng.integers(0, 9)
    corner = rng.integers(0, 60, (m, 2)).astype(float)
    truth = np.concatenate([corner, corner + rng.integers(8, 40, (m, 2))], axis=1)
    classes = rng.integers(0, CLASSES - 1, m)
    crowd = rng.random(m) < 0.15
    if m and n:
        which = rng.integers(0, m, n)
        boxes = truth[which] + rng.integers(-6, 7, (n, 4)) * (rng.random((n, 1)) < 0.85)
        labels = np.where(rng.random(n) < 0.8, classes[which], rng.integers(0, CLASSES, n))
    else:
        low = rng.integers(0, 60, (n, 2)).astype(float)
        boxes, labels = np.concatenate([low, low + 20], axis=1), rng.integers(0, CLASSES, n)
    boxes[:, 2:] = np.maximum(boxes[:, 2:], boxes[:, :2] + 1)
    return truth, classes, crowd, boxes, labels, rng.integers(0, 20, n) / 20


def tie(order):
    """One box between two objects, IoU 2/3 with each, and a less sure one upon the left one."""
    truth = np.array([[0.0, 0, 10, 10], [4, 0, 14, 10]])[order]
    boxes, none = np.array([[2.0, 0, 12, 10], [0, 0, 10, 10]]), np.zeros(2, int)
    return truth, none, none, boxes, none, np.array([0.9, 0.8])


def judged(scenes, classes):
    """AP [T, K] by threshold and class, -1 where a class has no object, and what is summarised."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    def size(box):
        return [float(v) for v in (*box[:2], *(box[2:] - box[:2]))]

    annotations, answers = [], []
    for i, (truth, kinds, crowd, boxes, labels, scores) in enumerate(scenes):
        for box, label, many in zip(truth, kinds, crowd, strict=True):
            x, y, w, h = size(box)
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": i,
                    "category_id": int(label),
                    "bbox": [x, y, w, h],
                    "area": w * h,
                    "iscrowd": int(many),
                }
            )
        for box, label, score in zip(boxes, labels, scores, strict=True):
            said = {"image_id": i, "category_id": int(label), "score": float(score)}
            answers.append(said | {"bbox": size(box)})
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = {
            "images": [{"id": i} for i in range(len(scenes))],
            "categories": [{"id": k} for k in range(classes)],
            "annotations": annotations,
            "info": {},
        }
        coco.createIndex()
        judge = COCOeval(coco, coco.loadRes(answers), "bbox")
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    precision = judge.eval["precision"][:, :, :, 0, -1]  # [T, 101, K], all sizes, 100 boxes
    return precision.mean(axis=1), judge.stats


def compute() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(7)
    scenes = [scene(rng) for _ in range(PICTURES)]
    names = ("truth", "classes", "crowd", "boxes", "labels", "scores")
    found = {name: np.concatenate([s[i] for s in scenes]) for i, name in enumerate(names)}
    found["objects"] = np.array([len(s[0]) for s in scenes])
    found["answers"] = np.array([len(s[3]) for s in scenes])
    found["each"], stats = judged(scenes, CLASSES)
    found["mean"], found["mean_50"] = np.array(stats[0]), np.array(stats[1])
    orders = ([0, 1], [1, 0])
    found["ties"] = np.stack([judged([tie(order)], 1)[0][:, 0] for order in orders])  # [2, T]
    return found
