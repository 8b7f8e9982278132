"""The smoke runs behind the reference notebooks, and behind the pages with other parameters.

They are carried out once for all pages, on all cores, before the first test: kernels train nothing.
"""

from collections.abc import Callable, Iterable

from filelock import FileLock

from fhelpers.pages import notebooks
from fhelpers.runs import records, schedule, store

REFERENCE = {
    "scale": "smoke", "dataset": "planted", "seeds": [0],
    "others": ["fashion-mnist"], "strengths": [1.0, 0.25],
}  # fmt: skip
# None of them is a notebook's default.
OTHER = {
    "scale": "smoke", "dataset": "planted", "seeds": [1], "radii": [5, 9], "epochs": 2,
    "others": ["fashion-mnist"], "strengths": [1.0, 0.25], "sparsity_weight": 0.5,
    "rho": 0.5, "rhos": [0.0, 0.5], "epsilons": [0.02, 0.05], "radius": 9, "batch_sizes": [32, 100],
    "amounts": [50, 200], "ratios": [0.25, 1.0],
}  # fmt: skip
OTHER_SEEDS = {
    "00_scorecard": [0],  # it needs all runs of a seed, so it shares those of the references
    # Networks, measurements and masks with several seeds; more pages would show nothing new.
    "02_shuffled_labels": [1, 2],
    "13_detection": [1, 2],
    "16_essential_frequencies": [1, 2],
}


def reference_parameters(slug: str) -> dict:
    """What the reference of a notebook is executed with."""
    return taken(slug, REFERENCE)


def other_parameters(slug: str) -> dict:
    """Parameters of a notebook that are not its defaults."""
    return taken(slug, OTHER | {"seeds": OTHER_SEEDS.get(slug, OTHER["seeds"])})


def taken(slug: str, given: dict) -> dict:
    known = notebooks.defaults(slug)
    return {name: value for name, value in given.items() if name in known}


def carry_out(
    references: Iterable[str], others: Iterable[str], say: Callable[[str], None] = print
) -> None:
    """Carry out what is missing for references and for pages with other parameters, by slug.

    A second process that wants the same waits for the first one.
    """
    plans = [notebooks.plan(slug, reference_parameters(slug)) for slug in references]
    plans += [notebooks.plan(slug, other_parameters(slug)) for slug in others]
    wanted = [recipe for plan in plans for group in plan.values() for recipe in group]
    if not wanted:
        return
    records.root().mkdir(parents=True, exist_ok=True)
    with FileLock(records.root() / ".smoke.lock"):
        missing = [name for name in schedule.everything(wanted) if store.finished(name) is None]
        if missing:
            say(f"{len(missing)} smoke runs come first, on all cores: some minutes")
            schedule.fetch({"smoke": wanted})
