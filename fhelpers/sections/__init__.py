"""The sections of the book, a folder for each: `plan`, `measure`, `claims` and `figures`.

A section is found by its folder and by its notebook, notebooks/NN_<folder>.py; nothing else lists
it. Sections share runs, never code of each other: what two of them need stands in a room below.
"""

import importlib
import inspect
import itertools
import pkgutil
from collections.abc import Callable, Sequence
from pathlib import Path

from fhelpers.claims import CLAIMS, Claim
from fhelpers.claims.verdicts import SEEDS
from fhelpers.data.files import quoted
from fhelpers.runs import records
from fhelpers.runs.checks import MOST, check_radius, refuse
from fhelpers.runs.recipes import Recipe, check_against_data
from fhelpers.runs.scales import Plan, known
from fhelpers.runs.schedule import everything

NOTEBOOKS = Path(__file__).parent.parent.parent / "notebooks"
SCORECARD = "00_scorecard"
FOLDERS = [module.name for module in pkgutil.iter_modules(__path__) if module.ispkg]
# Imported now, so that every kind of run and every claim is registered.
PLANS = {name: importlib.import_module(f"{__name__}.{name}.plan").plan for name in FOLDERS}
for _name in FOLDERS:
    if Path(__path__[0], _name, "claims.py").exists():
        importlib.import_module(f"{__name__}.{_name}.claims")


def slugs() -> list[str]:
    """Names of all notebooks, in the order of their numbers."""
    return sorted(path.stem for path in NOTEBOOKS.glob("[0-9][0-9]_*.py"))


def slug_of(section: str) -> str:
    """The notebook of a section's folder. Raises ValueError where there is none."""
    for slug in slugs():
        if slug.partition("_")[2] == section:
            return slug
    raise ValueError(f"section {section!r} has no notebook: add notebooks/NN_{section}.py")


def all_claims() -> dict[str, Claim]:
    """Every claim of every section by its id, in the papers' order."""
    return {id: CLAIMS[id] for id in sorted(CLAIMS, key=lambda id: (id[0] != "W", int(id[1:])))}


def checking() -> list[str]:
    """The sections that check claims."""
    return list(dict.fromkeys(claim.section for claim in all_claims().values()))


def judged(section: str, scale: str, dataset: str, seeds: Sequence[int]) -> Plan:
    """The runs by which a section's claims are judged; without seeds those that its page shows.

    With what the section's plan calls `JUDGED` in place of the page's own parameters.
    Raises ValueError as `of_section` does.
    """
    own = getattr(inspect.getmodule(PLANS[section]), "JUDGED", {})
    slug, asked = slug_of(section), {"scale": scale, "dataset": dataset} | own
    return of_section(slug, asked | {"seeds": seeds or published_seeds(slug, asked)})


def scorecard(scale, dataset, seeds) -> Plan:
    """The runs of all sections that check claims, labels <section>/<label>."""
    return {
        f"{name}/{label}": group
        for name in checking()
        for label, group in judged(name, scale, dataset, seeds).items()
    }


def published_seeds(slug: str, parameters: dict) -> list[int]:
    """The seeds that a page shows unless it is asked for others: 0, 1, … as far as all its runs are
    published with these parameters, and 0 alone where those are fewer than a verdict needs.

    What a plan leaves out for a seed, as its images are not on this machine, is not published.
    """

    def plan(seed: int) -> Plan:
        return of_section(slug, parameters | {"seeds": [seed]})

    def published(seed: int) -> bool:
        there = plan(seed)
        needed = everything(recipe for group in there.values() for recipe in group)
        kept = all((records.published() / id / "record.json").exists() for id in needed)
        return kept and there.keys() >= first.keys()

    first = plan(0)

    seeds = list(itertools.takewhile(published, range(100)))
    return seeds if len(seeds) >= SEEDS else [0]


def plan_of(slug: str) -> Callable[..., Plan]:
    """The function that maps (scale, dataset, seeds, own parameters) to labelled recipes.

    Raises ValueError for a section that the book does not have.
    """
    if slug == SCORECARD:
        return scorecard
    if slug not in slugs() or (name := slug.partition("_")[2]) not in PLANS:
        raise ValueError(f"section {quoted(slug)} is not known; choose one of {', '.join(slugs())}")
    return PLANS[name]


def of_section(slug: str, parameters: dict) -> Plan:
    """The plan of a section for a notebook's parameters; those it does not take are left out.

    Raises ValueError for a section that the book does not have, and for impossible parameters.
    """
    function = plan_of(slug)
    known(parameters["scale"], parameters["dataset"])
    seeds = parameters["seeds"]
    if (not seeds and slug != SCORECARD) or len(set(seeds)) < len(seeds):
        refuse("seeds", seeds, "one or more, each once, such as [0]")
    if not parameters.get("radii", [4]):
        refuse("radii", parameters["radii"], "a list of one radius or more, such as [4, 8]")
    for radius in parameters.get("radii", ()):  # before plans make labels of them
        check_radius("radii", radius)
    if not 0 <= parameters.get("epochs", 0) <= MOST:
        allowed = f"from 1 to {MOST:,}, or 0 for the scale's own"
        refuse("epochs", parameters["epochs"], allowed)
    taken = inspect.signature(function).parameters
    plan = function(**{name: value for name, value in parameters.items() if name in taken})
    for recipe in everything(recipe for group in plan.values() for recipe in group).values():
        if isinstance(recipe, Recipe):
            check_against_data(recipe)
    return plan
