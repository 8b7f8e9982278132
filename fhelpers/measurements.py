"""What a measurement leaves in the run store when nothing is trained: rows and tensors.

An attack on a trained network or a search over its test images can cost more than its training,
so it is a run too: carried out once, kept with a record, and named by all that decides it.
"""

import time
from dataclasses import dataclass, field

from torch import Tensor


@dataclass
class Measured:
    """The result of a measurement, in the form in which the store takes a training's result.

    rows: tidy history, a dict a row; tensors: named results that are no table, such as a map.
    """

    rows: list[dict] = field(default_factory=list)
    tensors: dict[str, Tensor] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    epoch: int = 1
    started: float = field(default_factory=time.perf_counter)

    @property
    def seconds(self) -> float:
        """Time since this was made: make it first, then fill it."""
        return time.perf_counter() - self.started

    @property
    def model(self) -> "Measured":
        return self

    def state_dict(self) -> dict[str, Tensor]:
        return self.tensors

