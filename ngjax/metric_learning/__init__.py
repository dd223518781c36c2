r"""Tasks that learn a distance: an encoding under which one person's photographs lie together.

    held = data.load_people(config.data)
    task = metric_learning.task(held, FaceNet(64), config.optimizer, "batch-hard", ...)

Nobody of dev and test is in training, so what is judged is the distance itself: `Task.score` sets
the threshold tau on the dev people and judges it on the test people (notes 4.14), beside the
distance of raw pixels.
"""

from ngjax.metric_learning.lesson import (
    Learns,
    Lesson,
    distances,
    each_standardised,
    pixel_distances,
)
from ngjax.metric_learning.task import Score, task

__all__ = [
    "Learns",
    "Lesson",
    "Score",
    "distances",
    "each_standardised",
    "pixel_distances",
    "task",
]
