r"""Fisher's discriminant as a start of an encoding (Belhumeur, Hespanha & Kriegman 1997).

    z = (a - mu) P L,        L L^T = S^-1,        S = (1 - s) S_w + s tr(S_w)/D I

P holds the D main directions of the features a, S_w is the covariance within a person: how one's
photographs differ among themselves counts less, and what is left tells people apart. s shrinks S_w,
which few photographs know badly, towards a sphere (Ledoit & Wolf 2004).
"""

from __future__ import annotations

import numpy as np

SHRINK = 0.2


def fisher(a: np.ndarray, people: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """(kernel [F, size], bias [size]) of z = a kernel + b, from features a [m, F].

    Where a has fewer main directions than `size`, the last columns are zeros. z is scaled so that
    the kernel's numbers are about as large as a random start's.
    """
    mu, who = a.mean(0), np.unique(people)
    _, spread, directions = np.linalg.svd(a - mu, full_matrices=False)
    D = min(size, int((spread > 1e-6 * spread[0]).sum()))
    P = directions[:D].T  # [F, D]
    z = (a - mu) @ P
    within = np.concatenate([z[people == k] - z[people == k].mean(0) for k in who])
    S = within.T @ within / len(z)  # [D, D]
    S = (1 - SHRINK) * S + SHRINK * np.trace(S) / D * np.eye(D)
    kernel = np.zeros((a.shape[1], size))
    kernel[:, :D] = P @ np.linalg.cholesky(np.linalg.inv(S))
    kernel /= np.sqrt((kernel**2).mean() * sum(kernel.shape) / 2)
    return kernel, -mu @ kernel
