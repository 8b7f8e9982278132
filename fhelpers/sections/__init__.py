"""The runs that each section of the book needs.

A section is one function that maps (scale, dataset, seeds, its own parameters) to labelled
recipes, one a seed. Sections that ask for the same recipe share its run.
"""

from fhelpers import recipes
from fhelpers.recipes import Recipe
from fhelpers.scales import Plan, known
from fhelpers.sections.detected import detection
from fhelpers.sections.masked import essential_frequencies, fourier_masks, single_image_masks
from fhelpers.sections.measured import (
    noise_or_signal,
    report_card,
    smooth_kernels,
    smoothing_defence,
    tradeoff,
)
from fhelpers.sections.trained import (
    architectures,
    batchnorm,
    decomposition,
    heuristics,
    other_datasets,
    shuffled_labels,
)


def scorecard(scale, dataset, seeds) -> Plan:
    """The opening page: the runs of all sections that check claims, labels slug/label."""
    return {
        f"{slug}/{label}": group
        for slug, section in SECTIONS.items()
        if slug not in ("00_scorecard", "15_report_card")
        for label, group in section(scale, dataset, seeds).items()
    }


SECTIONS = {
    "00_scorecard": scorecard,
    "01_decomposition": decomposition,
    "02_shuffled_labels": shuffled_labels,
    "03_heuristics": heuristics,
    "04_architectures": architectures,
    "05_batchnorm": batchnorm,
    "06_other_datasets": other_datasets,
    "07_smooth_kernels": smooth_kernels,
    "08_smoothing_defence": smoothing_defence,
    "09_tradeoff": tradeoff,
    "10_detection": detection,
    "11_fourier_masks": fourier_masks,
    "12_essential_frequencies": essential_frequencies,
    "13_single_image_masks": single_image_masks,
    "14_noise_or_signal": noise_or_signal,
    "15_report_card": report_card,
}


def of_section(slug: str, parameters: dict) -> Plan:
    """The plan of a section for a notebook's parameters; those of no concern to it are left out.

    Raises ValueError for a section that the book does not have.
    """
    if slug not in SECTIONS:
        raise ValueError(f"section {slug!r} is not known; choose one of {', '.join(SECTIONS)}")
    known(parameters["scale"], parameters["dataset"])
    seeds = parameters["seeds"]
    if not seeds or len(set(seeds)) < len(seeds):
        raise ValueError(f"seeds={seeds} is not possible: give one or more, each once, such as [0]")
    if not parameters.get("radii", [4]):
        recipes.refuse("radii", parameters["radii"], "a list of one radius or more, such as [4, 8]")
    if parameters.get("epochs", 0) < 0:
        recipes.refuse("epochs", parameters["epochs"], "at least 1, or 0 for the scale's own")
    section = SECTIONS[slug]
    names = section.__code__.co_varnames[: section.__code__.co_argcount]
    names += tuple(section.__kwdefaults__ or ())
    plan = section(**{name: value for name, value in parameters.items() if name in names})
    queue = [recipe for group in plan.values() for recipe in group]
    for recipe in queue:
        queue += recipe.needs
        if isinstance(recipe, Recipe):
            recipes.check_against_data(recipe)
    return plan
