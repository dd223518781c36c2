"""PyTorch's SGD, RMSprop and Adam over 100 steps of given gradients, in float64."""

import numpy as np

STEPS = 100
OPTIMIZERS = {  # name -> (torch.optim class, arguments)
    "descent": ("SGD", {"lr": 0.1}),
    "l2": ("SGD", {"lr": 0.1, "weight_decay": 0.03}),
    "momentum": ("SGD", {"lr": 0.1, "momentum": 0.9}),
    "dampened": ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.9}),
    "rmsprop": ("RMSprop", {"lr": 0.01, "alpha": 0.9, "eps": 1e-3}),
    "adam": ("Adam", {"lr": 0.01, "betas": (0.8, 0.99), "eps": 1e-3}),
    "adamw": ("AdamW", {"lr": 0.01, "betas": (0.8, 0.99), "eps": 1e-3, "weight_decay": 0.1}),
}


def compute() -> dict[str, np.ndarray]:
    import torch

    generator = np.random.default_rng(0)
    start = generator.standard_normal((2, 3))
    gradients = generator.standard_normal((STEPS, 2, 3))
    gradients[:, 0, 0] *= 1e-4  # small enough for epsilon to count
    found = {"start": start, "gradients": gradients}
    for name, (rule, arguments) in OPTIMIZERS.items():
        w = torch.tensor(start, requires_grad=True)
        optimizer = getattr(torch.optim, rule)([w], **arguments)
        path = []
        for gradient in gradients:
            w.grad = torch.tensor(gradient)
            optimizer.step()
            path.append(w.detach().numpy().copy())
        found[name] = np.stack(path[::9])
    return found
