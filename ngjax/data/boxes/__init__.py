"""Pictures with boxes: the formats of VOC and COCO, sets, and how they are changed together."""
