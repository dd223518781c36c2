"""Convolution, pooling and batch normalisation as PyTorch computes them, in float64."""

import numpy as np

CONVOLUTIONS = {  # name -> height, width, f_H, f_W, C, F, stride, padding
    "plain": (7, 6, 3, 3, 2, 4, 1, 0),
    "stride": (8, 9, 3, 3, 3, 2, 2, 1),
    "oblong": (9, 5, 1, 4, 2, 3, 1, 2),
    "large": (12, 12, 5, 5, 1, 3, 3, 2),
}
POOLS = {"2x2": (7, 8, 2, 2), "3x3": (9, 7, 3, 2)}  # name -> height, width, window, stride


def compute() -> dict[str, np.ndarray]:
    import torch
    from torch.nn import functional

    rng = np.random.default_rng(41)
    found: dict[str, np.ndarray] = {}

    def keep(name, rule, dy_rng, **inputs):
        leaves = {k: torch.tensor(v, requires_grad=True) for k, v in inputs.items()}
        y = rule(**leaves)
        dy = dy_rng.normal(size=y.shape)
        y.backward(torch.tensor(dy))
        found.update({f"{name}/{k}": v for k, v in inputs.items()})
        found.update({f"{name}/d{k}": leaf.grad.numpy() for k, leaf in leaves.items()})
        found.update({f"{name}/y": y.detach().numpy(), f"{name}/dy": dy})

    def nchw(rule):  # images in our layout, PyTorch's rule in its own
        return lambda x, **rest: rule(x.permute(0, 3, 1, 2), **rest).permute(0, 2, 3, 1)

    for name, (H, W, f_H, f_W, C, K, stride, padding) in CONVOLUTIONS.items():
        keep(
            f"convolve/{name}",
            nchw(
                lambda x, w, s=stride, p=padding: functional.conv2d(
                    x, w.permute(3, 2, 0, 1), None, s, p
                )
            ),
            rng,
            x=rng.normal(size=(2, H, W, C)),
            w=rng.normal(size=(f_H, f_W, C, K)),
        )
    for name, (H, W, window, stride) in POOLS.items():
        x = np.maximum(rng.integers(-4, 4, (2, H, W, 3)), 0).astype(float)  # many ties
        keep(
            f"max/{name}",
            nchw(lambda x, f=window, s=stride: functional.max_pool2d(x, f, s)),
            rng,
            x=x,
        )
        keep(
            f"average/{name}",
            nchw(lambda x, f=window, s=stride: functional.avg_pool2d(x, f, s)),
            rng,
            x=x,
        )
    mean, var = torch.zeros(3, dtype=torch.float64), torch.ones(3, dtype=torch.float64)
    keep(
        "norm",
        nchw(
            lambda x, gamma, beta: functional.batch_norm(x, mean, var, gamma, beta, True, 0.1, 1e-5)
        ),
        rng,
        x=rng.normal(2.0, 3.0, size=(8, 3, 2, 3)),
        gamma=rng.normal(size=3),
        beta=rng.normal(size=3),
    )
    m = 8 * 3 * 2  # PyTorch averages the unbiased variance, the notes the biased one
    found["norm/mean"] = mean.numpy()
    found["norm/var"] = 0.9 + (var.numpy() - 0.9) * (m - 1) / m
    return found
