"""How smooth the first-layer kernels of a network are (W §6.2)."""

from dataclasses import dataclass

from fhelpers.networks import first_convolution
from fhelpers.runs.checks import check_not_negative
from fhelpers.runs.kinds import Job, Result
from fhelpers.runs.measurements import OfNetwork
from fhelpers.smoothing import adjacent_difference, high_share, smooth_first_layer


@dataclass(frozen=True, kw_only=True)
class Kernels(OfNetwork, kind="kernels"):
    """The smoothness of every filter of a network's first layer; ρ: how it is smoothed first."""

    images: int = 1  # none is looked at
    rho: float = 0.0

    def __post_init__(self):
        super().__post_init__()
        check_not_negative("rho", self.rho)

    @property
    def slug(self) -> str:
        return super().slug + (f"-rho{self.rho:g}" if self.rho else "")

    def carry_out(self, job: Job) -> Result:
        """A row per filter: kernel_size, filter, difference of neighbours, share of high energy."""
        model = smooth_first_layer(job.needed[0].model(), self.rho)
        weight = first_convolution(model).weight.detach().float()
        measures = zip(adjacent_difference(weight), high_share(weight), strict=True)
        about = {"split": "kernels", "kernel_size": weight.shape[-1], "smoothed": self.rho}
        rows = [
            about | {"filter": n, "difference": difference.item(), "high_share": share.item()}
            for n, (difference, share) in enumerate(measures)
        ]
        return Result(rows)
