r"""Cross-validation of any Task: F networks, one a fold, learn side by side in one program.

    error = (1/m) sum_i [h_{f(i)}(x_i) != y_i],    h_f trained on the examples outside fold f

Every example is judged once, by the network that has not seen it; with as many folds as examples
this is leave-one-out. A set too small for a test set of its own is judged so (Stone 1974; the
notes, 3.2, split larger ones).

A place of a batch stands for F examples, one a fold, so that the folds march in step: `train[f, i]`
and `test[f, i]` say which. Parameters, batch statistics and the optimizer's state get a leading
axis F; each fold has its own chain, so clipping and decay act as they would on it alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax

from ngjax.types import Array, Aux, Batch, Context, Pace, Params, Source, Sum, Task, UserError

HERE = "of_fold"  # key of a Batch: its leaves, [F, B, ...]


class Folds(NamedTuple):
    """Who judges whom."""

    fold: np.ndarray  # [m] int32: the fold of each example, whose network has not seen it
    train: np.ndarray  # [F, n] int32: examples outside each fold
    test: np.ndarray  # [F, k] int32: examples of each fold; short ones end with repeats
    mask: np.ndarray  # [F, k] float32: zero at the repeats

    @property
    def count(self) -> int:
        """F."""
        return len(self.train)

    def gathered(self, outputs: np.ndarray) -> np.ndarray:
        """Predictions of the places of "test", [k, F, ...], in the order of the examples, [m, ...].

        `Task.predict` of a cross-validated Task gives such outputs.
        """
        rows, real = np.asarray(outputs).swapaxes(0, 1), self.mask > 0  # [F, k, ...]
        found = np.empty((len(self.fold), *rows.shape[2:]), rows.dtype)
        found[self.test[real]] = rows[real]
        return found


def folds(targets: np.ndarray, count: int, seed: int = 0) -> Folds:
    """Deal examples into folds, each class in proportion.

    A fold's training examples keep their order. Where the folds are of unequal size, the larger
    training sets leave out their last example, so that all are of one length.

    Args:
        targets: int [m] class numbers.
        count: F, from 2; m: leave one out.
        seed: draws which example goes where.

    Raises:
        UserError: fewer than two folds, or more than examples.
    """
    targets = np.asarray(targets)
    m = len(targets)
    if not 2 <= count <= m:
        raise UserError(f"--folds={count}: must be 2 to {m}, the number of examples")
    drawn = np.random.Philox(key=np.array([seed, 2**33], np.uint64)).random_raw(m)
    by_class = np.lexsort((drawn, targets))  # shuffled within each class
    fold = np.empty(m, np.int32)
    fold[by_class] = np.arange(m) % count
    members = [np.flatnonzero(fold == f) for f in range(count)]
    k, n = max(map(len, members)), m - max(map(len, members))
    train = np.stack([np.flatnonzero(fold != f)[:n] for f in range(count)])
    test = np.stack([np.resize(own, k) for own in members])
    mask = np.stack([np.arange(k) < len(own) for own in members])
    return Folds(fold, train.astype(np.int32), test.astype(np.int32), mask.astype(np.float32))


def cross_validated(task: Task, dealt: Folds, own: Any = None, together: int = 1) -> Task:
    """The Task of one network a fold, evaluated as "test".

    Args:
        task: whose `train` source gives every example of the set by its index; it has no carry.
        dealt: of `folds`.
        own: dict of constants that differ by fold, leaves [F, ...]: they join `Task.constants`.
        together: folds computed side by side, the others follow; 0: all, which is quickest for
            small networks. Large ones on a CPU want 1.

    Returns:
        A Task whose loss and metrics are means over the folds; `predict` gives [B, F, ...] for
        places of "test", and for other examples the mean of all networks' outputs, [B, ...].
    """
    source, count = task.train, dealt.count

    def batch_of(table: str) -> Any:
        def batch(constants: Any, drawn: Mapping[str, Array], key: Array) -> Batch:
            def one(f: Array) -> Batch:
                index = constants["folds"][table][f, drawn["index"]]
                mask = drawn["mask"]
                if table == "test":
                    mask = mask * constants["folds"]["mask"][f, drawn["index"]]
                made = source.batch(_constants(constants, f), {**drawn, "index": index}, key)
                return {**made, "index": index, "mask": mask, "slot": drawn["slot"]}

            return {HERE: jax.vmap(one)(jnp.arange(count))}

        return batch

    def each(function: Any, *trees: Any) -> Any:
        trees = (jnp.arange(count), *trees)
        if not together or together >= count:
            return jax.vmap(function)(*trees)
        return lax.map(lambda of: function(*of), trees, batch_size=together)

    def init(key: Array) -> tuple[Params, Any]:
        return each(lambda f: task.init(jax.random.fold_in(key, f)))

    def inside(context: Context, f: Array) -> Context:
        key = context.key if context.key is None else jax.random.fold_in(context.key, f)
        return context._replace(key=key, constants=_constants(context.constants, f))

    def loss(params: Params, extra: Any, batch: Batch, context: Context) -> tuple[Sum, Aux]:
        def one(f: Array, params: Params, extra: Any, batch: Batch) -> Any:
            cost, aux = task.loss(params, extra, batch, inside(context, f))
            return cost, aux._replace(extra=extra if aux.extra is None else aux.extra)

        cost, aux = each(one, params, extra, batch[HERE])
        cost, told = jax.tree.map(lambda x: x.sum(axis=0), (cost, dict(aux.metrics)))
        return cost, Aux(aux.extra, told)

    def tx(hyper: Mapping[str, Array], pace: Pace) -> optax.GradientTransformation:
        """Each fold's own chain; its gradient was divided by the count of all folds."""
        chain = task.tx(hyper, pace)

        def update(slope: Params, state: Any, params: Params | None = None, **_: Any) -> Any:
            slope = jax.tree.map(lambda leaf: leaf * count, slope)
            return jax.vmap(chain.update)(slope, state, params)

        return optax.GradientTransformation(jax.vmap(chain.init), update)

    def predict(params: Params, extra: Any, batch: Batch, context: Context) -> Any:
        def one(f: Array, params: Params, extra: Any, own: Batch | None = None) -> Any:
            return task.predict(params, extra, own or batch, inside(context, f))

        if HERE in batch:
            outputs = each(one, params, extra, batch[HERE])
            return jax.tree.map(lambda leaf: jnp.swapaxes(leaf, 0, 1), outputs)  # [B, F, ...]
        return jax.tree.map(lambda leaf: leaf.mean(axis=0), each(one, params, extra))

    tables = {"train": dealt.train, "test": dealt.test, "mask": dealt.mask}
    return Task(
        init=init,
        loss=loss,
        tx=tx,
        hyper=task.hyper,
        train=Source(dealt.train.shape[1], batch_of("train"), source.order),
        evals={"test": Source(dealt.test.shape[1], batch_of("test"))},
        constants={**task.constants, "folds": tables, "own": own or {}},
        predict=predict if task.predict else None,
    )


def _constants(constants: Any, f: Array) -> Any:
    """What a fold's network reads: what all read, and its own."""
    return {**constants, **jax.tree.map(lambda leaf: jnp.asarray(leaf)[f], constants["own"])}
