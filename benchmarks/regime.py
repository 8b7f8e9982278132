"""The smallest set-up in which networks fit their training set, as those of the papers do.

    python benchmarks/regime.py

Trains what is missing, one thread a run, and prints a row for each set-up that was compared when
the scale `standard` was chosen, and for its main networks with each of three seeds: the accuracy
on the training labels and on the test set, the accuracy under PGD-10 where the training was
adversarial, and the processor time.
"""

import dataclasses

from fhelpers.runs import scales
from fhelpers.runs.records import Run
from fhelpers.runs.schedule import fetch

OWN = scales.SCALES["standard"]
ATTACKED = {"adversary": "pgd", "epochs": OWN.attacked_epochs}
SHUFFLED = {"labels": "shuffled", "epochs": 100}
STANDARD = {
    "M_natural": {},
    "M_natural beside M_shuffle": dict(OWN.pair),
    "M_shuffle": SHUFFLED | dict(OWN.pair),
    "M_adversarial": ATTACKED,
}
SETUPS = {
    "true labels": {},
    "true labels, falling rate": {"schedule": "linear"},
    "true labels, batches of 50, falling rate": {"batch_size": 50, "schedule": "linear"},
    "shuffled labels": SHUFFLED,
    "shuffled labels, falling rate": SHUFFLED | {"schedule": "linear"},
    "shuffled labels, batches of 50, falling rate": SHUFFLED
    | {"batch_size": 50, "schedule": "linear"},
}


def row(name: str, run: Run) -> str:
    """One row of the table."""
    recipe, history = run.recipe, run.history
    last = history[history.epoch == recipe.epochs]
    whole = last[(last.scope == "all") & (last.part == "original")].set_index("split").accuracy
    attacked = last[last.part == "attacked"].accuracy
    cells = [name, f"{recipe.train_images:,}", recipe.epochs, f"{whole.train:.3f}"]
    cells += [f"{whole.test:.3f}", *(f"{value:.3f}" for value in attacked)]
    cells += [""] * (6 - len(cells)) + [f"{run.record['seconds']:.0f} s"]
    return " | ".join(["", *map(str, cells), ""]).strip()


if __name__ == "__main__":
    plain = scales.vanilla("standard", "cifar10", 0, radii=(4, 8, 12, 16))
    setups = SETUPS | {
        f"{name}, seed {seed}": change | {"seed": seed}
        for seed in range(3)
        for name, change in STANDARD.items()
    }
    runs = fetch({name: (dataclasses.replace(plain, **c),) for name, c in setups.items()})
    print("| set-up | images | epochs | training | test | under attack | time |")
    print("|---|---|---|---|---|---|---|")
    for name, (run,) in runs.items():
        print(row(name, run))
