"""The runs of section 04."""

from fhelpers.runs import plans
from fhelpers.runs.checks import refuse
from fhelpers.runs.scales import SCALES, Plan, several

LOADED = ("adversarial",)  # runs whose tensors the page shows


def plan(
    scale, dataset, seeds, *, radii=plans.RADII, batch_sizes=(32, 64, 128, 256, 512), epochs=0
) -> Plan:
    """Batch sizes, heuristics and optimisers (W, §5.1, Fig. 4 and 5).

    Labels: batch-32, …, vanilla, dropout, …, and the networks of section 05, which W25 takes in.
    Batch sizes that the scale's training set cannot fill
    are left out; the page says so.
    """
    own = SCALES[scale]
    sizes = [size for size in batch_sizes if size <= own.train_images]
    if not sizes:
        allowed = f"a list with a size of at most {own.train_images}, the images of this scale"
        refuse("batch_sizes", batch_sizes, allowed)
    common = {"radii": tuple(radii), "epochs": epochs or own.short_epochs}
    batches = {
        f"batch-{size}": several(scale, dataset, seeds, **common, batch_size=size) for size in sizes
    }
    kinds = plans.architectures(scale, dataset, seeds, radii=radii, epochs=epochs)
    del kinds[own.model]  # the same runs as vanilla
    return batches | plans.heuristics(scale, dataset, seeds, radii=radii, epochs=epochs) | kinds
