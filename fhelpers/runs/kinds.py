"""What can be carried out once and kept: the protocol of every kind of run, and its name.

A kind is a frozen dataclass derived from `Runnable`. It registers a word that never changes, and a
version that rises whenever the same fields give another result:

    @dataclass(frozen=True, kw_only=True)
    class Cases(OfNetwork, kind="cases"):
        radius: float = 12.0

        def carry_out(self, job: Job) -> Result: ...

A run's name depends on the word, the version, the fields that differ from their defaults, the
data and the runs it needs: never on where the code stands or how it is written. So a field that
is added must default to what was done before. `tests/test_golden.py` notices changed results.
"""

import dataclasses
import hashlib
import importlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from torch import Tensor, nn

from fhelpers.networks.compute import Compute

if TYPE_CHECKING:
    from fhelpers.runs.records import Run

KINDS: dict[str, type["Runnable"]] = {}


@dataclass
class Result:
    """What a run leaves.

    rows: its tidy history, a dict per row; tensors: weights, or what a measurement keeps, by name;
    outcomes: {(part, radius): bool (N,)}, which test images a network got right.
    """

    rows: list[dict] = field(default_factory=list)
    tensors: Mapping[str, Tensor] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    seconds: float = 0.0
    outcomes: Mapping[tuple[str, float], Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class Job:
    """What a recipe is carried out with.

    folder: where it may keep a checkpoint; needed: the finished runs of its `needs`, in that
    order; progress: to be called with the number of steps done.
    """

    folder: Path
    compute: Compute
    needed: tuple["Run", ...] = ()
    progress: Callable[[int], None] = lambda done: None


class Runnable:
    """A recipe of some kind: fields that decide a result, and how to get it."""

    kind: ClassVar[str]
    version: ClassVar[int]
    seed = 0
    precision = "auto"
    device = "auto"
    needs: tuple["Runnable", ...] = ()  # recipes whose runs must exist first
    steps = 1  # units of progress that it reports
    work = 1  # how long it takes compared with others: images seen in training

    def __init_subclass__(cls, *, kind: str | None = None, version: int = 1, **options):
        super().__init_subclass__(**options)
        if kind is None:
            return
        known = KINDS.setdefault(kind, cls)
        if known.__qualname__ != cls.__qualname__:
            raise ValueError(f"kind {kind!r} is taken by {known.__qualname__}: choose another word")
        cls.kind, cls.version = kind, version
        KINDS[kind] = cls

    @property
    def slug(self) -> str:
        """What a person recognises the run by."""
        raise NotImplementedError

    @property
    def data_digest(self) -> str:
        """Digest of the data that the run sees."""
        raise NotImplementedError

    def carry_out(self, job: Job) -> Result:
        """Do the work."""
        raise NotImplementedError

    def rebuild(self) -> nn.Module:
        """The untrained network, for a record's weights. Raises ValueError where there is none."""
        raise ValueError(f"{self.slug} is a run of kind {self.kind!r}, which keeps no network")

    @property
    def setup(self) -> "Runnable":
        """The recipe that a table of what was trained describes."""
        return self

    @cached_property
    def run_id(self) -> str:
        """Slug and 8 hex digits over all that decides the result when it is first asked for."""
        return f"{self.slug}-{digest_of(self.decided)}"

    @property
    def decided(self) -> dict:
        """All that a run's name depends on, besides the slug."""
        return {
            "kind": self.kind,
            "version": self.version,
            "fields": changed_fields(self),
            "data": self.data_digest,
            "needs": [needed.run_id for needed in self.needs],
        }


def digest_of(decided: dict) -> str:
    """The hex digits of a run's name."""
    return hashlib.sha256(json.dumps(decided, sort_keys=True).encode()).hexdigest()[:8]


def changed_fields(recipe: Runnable) -> dict:
    """The fields that differ from their defaults; recipes among them by the names of their runs."""
    return {
        each.name: canonical(getattr(recipe, each.name))
        for each in dataclasses.fields(recipe)
        if getattr(recipe, each.name) != each.default
    }


def canonical(value: object) -> object:
    """JSON values in which equal numbers look equal."""
    if isinstance(value, Runnable):
        return value.run_id
    if isinstance(value, list | tuple):
        return [canonical(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def as_json(value: object) -> object:
    """A recipe as JSON values, with its kind and version; recipes within it likewise."""
    if isinstance(value, list | tuple):
        return [as_json(each) for each in value]
    if not isinstance(value, Runnable):
        return value
    about = {"kind": value.kind, "version": value.version}
    names = [each.name for each in dataclasses.fields(value)]
    return about | {name: as_json(getattr(value, name)) for name in names}


def from_json(value: object) -> object:
    """The recipe that `as_json` wrote; lists become the tuples that a frozen recipe holds.

    Raises ValueError for an unknown kind, another version of it, and fields that it does not have.
    """
    if isinstance(value, list):
        return tuple(from_json(each) for each in value)
    if not isinstance(value, dict):
        return value
    fields = {name: from_json(each) for name, each in value.items()}
    kind, version = fields.pop("kind", None), fields.pop("version", None)
    if isinstance(kind, str) and kind not in KINDS:
        # Kinds register when their module is imported, and sections import all of the book's.
        importlib.import_module("fhelpers.sections")
    if not isinstance(kind, str) or kind not in KINDS:
        raise ValueError(f"{kind!r} is not a kind of run that this package knows")
    if version != KINDS[kind].version:
        raise ValueError(
            f"the recipe is of version {version} of the kind {kind!r}; this package has version "
            f"{KINDS[kind].version}, whose results differ: plan the run anew"
        )
    try:
        return KINDS[kind](**fields)
    except TypeError as error:
        raise ValueError(f"the recipe is of another version of this package: {error}") from error
