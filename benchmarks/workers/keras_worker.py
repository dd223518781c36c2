"""Keras 3 on JAX: `fit`, a chunk a call."""

from __future__ import annotations

import math
import os

os.environ["KERAS_BACKEND"] = "jax"
import keras
from keras import layers as L  # noqa: N812

from benchmarks.workers.serve import Made, main
from benchmarks.workloads import CHANNELS, RATE, Workload, drawn


def residual(a, filters: int):
    """Two 3x3 convolutions and a shortcut without parameters."""
    before = a.shape[-1]
    stride = filters // before
    conv = {"padding": "same", "use_bias": False}
    z = L.BatchNormalization()(L.Conv2D(filters, 3, stride, **conv)(a))
    z = L.BatchNormalization()(L.Conv2D(filters, 3, **conv)(L.ReLU()(z)))
    if stride > 1:
        more = (filters - before) // 2
        a = L.Lambda(lambda a: keras.ops.pad(a[:, ::2, ::2], [[0, 0]] * 3 + [[more, more]]))(a)
    return L.ReLU()(L.Add()([z, a]))


def network(workload: Workload) -> keras.Model:
    kind, K = workload.kind, workload.classes
    if kind in ("lstm", "gru"):
        rows = keras.Input(workload.shape, dtype="int32", batch_size=workload.batch)
        if kind == "lstm":
            a = L.Embedding(K, 200)(rows)
            a = L.LSTM(200, return_sequences=True)(a)
            a = L.LSTM(200, return_sequences=True)(a)
        else:
            a = L.GRU(256, return_sequences=True)(L.Embedding(K, 64)(rows))
        return keras.Model(rows, L.Dense(K)(a))
    images = a = keras.Input(workload.shape)
    if kind == "lenet":
        for filters in (6, 16):
            a = L.AveragePooling2D(2)(L.Conv2D(filters, 5, activation="tanh")(a))
        a = L.Dense(120, activation="tanh")(L.Flatten()(a))
        a = L.Dense(84, activation="tanh")(a)
    elif kind == "vgg":
        for place, filters in enumerate(CHANNELS):
            a = L.Conv2D(filters, 3, padding="same", activation="relu")(a)
            a = L.MaxPooling2D()(a) if place % 2 else a
        a = L.Dense(128, activation="relu")(L.Flatten()(a))
    elif kind == "resnet20":
        a = L.Conv2D(16, 3, padding="same", use_bias=False)(a)
        a = L.ReLU()(L.BatchNormalization()(a))
        for filters in [16] * 3 + [32] * 3 + [64] * 3:
            a = residual(a, filters)
        a = L.GlobalAveragePooling2D()(a)
    else:
        a = L.Flatten()(a)
        for units in workload.hidden if kind == "mlp" else ():
            a = L.Dense(units, activation="relu")(a)
    return keras.Model(images, L.Dense(K)(a))


def build(workload: Workload, contestant: str) -> Made:
    del contestant
    keras.utils.set_random_seed(0)
    x, y = drawn(workload)
    model = network(workload)
    model.compile(
        keras.optimizers.Adam(RATE), keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )

    def chunk() -> float:
        told = model.fit(x, y, batch_size=workload.batch, epochs=1, shuffle=False, verbose=0)
        return float(told.history["loss"][-1])

    parameters = sum(math.prod(weight.shape) for weight in model.trainable_weights)
    return Made(chunk, parameters, {"versions": {"keras": keras.__version__}})


if __name__ == "__main__":
    main(build)
