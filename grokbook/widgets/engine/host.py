"""Run the page's kernel from Python, bit for bit as a browser runs it (needs wasmtime)."""

from __future__ import annotations

import ctypes
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

KERNEL = Path(__file__).with_name("engine.wasm")
TRAININGS = ("standard", "perturbed", "abelian", "mirrored")
RESULTS = (
    "train_accuracy",
    "test_accuracy_mirrored",
    "test_accuracy_unmirrored",
    "test_accuracy",
    "train_loss",
    "test_loss",
    "weight_norm",
    "information",
    "entropy",
)
"""The order of the values at ``results``; ``in_page_training.js`` has the same list."""


@cache
def _compiled() -> Any:
    """Return wasmtime's engine and the kernel compiled by it."""
    import wasmtime  # imported here: the book's pages do not need it

    engine = wasmtime.Engine()
    return engine, wasmtime.Module.from_file(engine, str(KERNEL))


class Kernel:
    """One network in one instance of the kernel.

    Parameters
    ----------
    p, d, mlp : int
        Modulus; width of the residual stream, a multiple of 32; hidden units, a multiple of 8.
    points : int
        Training pairs.
    training : str
        One of ``TRAININGS``.
    seed : int
        Of the kernel's own generators, for the split, the weights and the noise.
    """

    def __init__(
        self, p: int, d: int, mlp: int, points: int, training: str = "standard", seed: int = 0
    ) -> None:
        import wasmtime

        engine, module = _compiled()
        self._store = wasmtime.Store(engine)
        self._exports: Any = wasmtime.Instance(self._store, module, []).exports(self._store)
        self.p, self.d, self.mlp, self.width = p, d, mlp, -(-p // 8) * 8
        self.call("create", p, d, mlp, points, TRAININGS.index(training))
        self.call("split", seed)
        self.call("sort_pairs")
        self.call("initialise", seed)
        self.points = points
        self.seed = seed

    def call(self, name: str, *arguments: float) -> Any:
        """Call a function of the kernel."""
        return self._exports[name](self._store, *arguments)

    def array(self, address: int, shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
        """Return a view of the kernel's memory; valid until the kernel allocates again."""
        memory = self._exports["memory"]
        start = ctypes.addressof(memory.data_ptr(self._store).contents)
        count = int(np.prod(shape)) * np.dtype(dtype).itemsize
        raw = (ctypes.c_ubyte * count).from_address(start + address)
        return np.frombuffer(raw, dtype).reshape(shape)

    def tensors(self, which: str = "weights") -> dict[str, NDArray[np.float32]]:
        """Return views of tensors by the names of the Transformer's.

        ``which`` is weights, gradients, or AdamW's averages: first_moments or second_moments.
        """
        p, d, mlp = self.p, self.d, self.mlp
        shapes = {
            "embedding": (p + 1, d),
            "position": (3, d),
            **{name: (d, d) for name in ("query", "key", "value", "output")},
            "mlp_in": (d, mlp),
            "mlp_in_bias": (mlp,),
            "mlp_out": (mlp, d),
            "mlp_out_bias": (d,),
            "unembedding": (d, self.width),
        }
        list_of = "gradients" if which == "gradients" else "tensors"
        starts = self.array(self.call(list_of), (len(shapes),), np.uint32)
        block = {"first_moments": 1, "second_moments": 2}.get(which, 0)  # they follow the weights
        shift = 4 * block * self.call("sizes")
        views = {
            name: self.array(int(start) + shift, shape, np.float32)
            for start, (name, shape) in zip(starts, shapes.items(), strict=True)
        }
        views["unembedding"] = views["unembedding"][:, :p]
        return views

    def pairs(self) -> NDArray[np.int32]:
        """Return all pairs (a, b), training pairs first, ``(p², 2)``."""
        return self.array(self.call("pairs"), (self.p**2, 2), np.int32)

    def logits(self) -> NDArray[np.float32]:
        """Return the logits of every pair in the order of :meth:`pairs`, ``(p², p)``."""
        rows = [self.array(self.call("logits", *pair), (self.p,), np.float32).copy()
                for pair in self.pairs().tolist()]  # fmt: skip
        return np.stack(rows)

    def inject(self, noise: NDArray[np.float32]) -> None:
        """Use these standard normal numbers ``(rows, 3, d)`` in place of the generator's."""
        if not hasattr(self, "_noise"):
            self._noise = self.call("reserve", noise.nbytes)
            self.call("inject", self._noise)
        self.array(self._noise, noise.shape, np.float32)[:] = noise

    def measure(self) -> dict[str, float]:
        """Evaluate all pairs and return accuracies, losses and the weight norm."""
        self.call("measure")
        return self.results()

    def results(self) -> dict[str, float]:
        """Return the last measurement."""
        values = self.array(self.call("results"), (len(RESULTS),), np.float64)
        return dict(zip(RESULTS, values.tolist(), strict=True))
