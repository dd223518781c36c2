"""scikit-learn's t-SNE, Barnes-Hut or exact, with the settings of ours."""

from __future__ import annotations

import sklearn
from sklearn.datasets import load_digits
from sklearn.manifold import TSNE

from benchmarks.workers.serve import Made, main
from benchmarks.workloads import UPDATES, Workload


def build(workload: Workload, contestant: str) -> Made:
    del workload
    x = load_digits().data.astype("float32")
    method = contestant.replace("-", "_")
    facts = {"versions": {"scikit-learn": sklearn.__version__}}

    def job() -> float:
        mapped = TSNE(perplexity=30, max_iter=UPDATES, method=method, init="pca", random_state=0)
        mapped.fit(x)
        return float(mapped.kl_divergence_)

    return Made(job, 2 * len(x), facts)


if __name__ == "__main__":
    main(build)
