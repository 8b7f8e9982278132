"""A map of points in the plane that keeps neighbours together, by UMAP's objective.

McInnes, Healy, Melville (2018): UMAP: Uniform Manifold Approximation and Projection. K draws its
map with their package, which samples pairs of points; here the same objective is minimised over
all pairs, which a few thousand points allow. It is not their algorithm, and the maps differ.
"""

import torch
from torch import Tensor

NEIGHBOURS = 15  # UMAP's default
CURVE = (1.577, 0.895)  # a and b of the published curve, for a least distance of 0.1
STEPS = 200
ROUNDS = 40  # of bisection: more digits than float32 has


def neighbour_weights(points: Tensor, neighbours: int) -> Tensor:
    """How much two points belong together, (N, N) in [0, 1], symmetric (their equations 1 and 2).

    points: (N, P). Each point's distances are counted from its nearest neighbour and scaled so
    that its weights sum to log2 of the number of neighbours.
    """
    distance = torch.cdist(points, points)
    distance.fill_diagonal_(float("inf"))
    near, index = distance.topk(neighbours, largest=False)
    beyond = near - near[:, :1]
    low, high = torch.zeros(len(points), 1), torch.full((len(points), 1), float("inf"))
    scale = torch.ones(len(points), 1)
    target = torch.log2(torch.tensor(float(neighbours)))
    for _ in range(ROUNDS):
        large = (-beyond / scale).exp().sum(1, keepdim=True) > target
        high, low = torch.where(large, scale, high), torch.where(large, low, scale)
        scale = torch.where(high.isinf(), 2 * scale, (low + high) / 2)
    weights = torch.zeros_like(distance).scatter_(1, index, (-beyond / scale.clamp(min=1e-6)).exp())
    return weights + weights.T - weights * weights.T


def neighbour_map(points: Tensor, *, seed: int = 0) -> Tensor:
    """Places in the plane, float32 (N, 2), of points (N, P); the same seed gives the same map.

    Minimises the cross-entropy between how much two points belong together and how close they are
    drawn, 1 / (1 + a d^2b), over all pairs, from the two leading principal components on. Raises
    ValueError for fewer than three points.
    """
    if points.ndim != 2 or len(points) < 3:
        raise ValueError(f"a map needs three points (N, P) or more, not {tuple(points.shape)}")
    points = points.double()
    weights = neighbour_weights(points, min(NEIGHBOURS, len(points) - 1)).float()
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(len(points), 2, generator=generator)
    centred = points - points.mean(0)
    leading = (centred @ torch.linalg.svd(centred, full_matrices=False)[2][:2].T).float()
    if leading.shape[1] < 2:
        leading = torch.cat([leading, noise[:, :1]], 1)
    # Outliers begin at the rim: far outside, they would be out of reach of what they belong to.
    places = 4 * (leading / leading.std(0).clamp(min=1e-6)).clamp(-2, 2) + 0.01 * noise
    places.requires_grad_(True)
    optimiser = torch.optim.Adam([places], lr=0.2)
    schedule = torch.optim.lr_scheduler.LinearLR(optimiser, 1, 0.01, STEPS)
    first, second = torch.triu_indices(len(points), len(points), 1)
    together = weights[first, second]
    # As many pushes as pulls, five times over: what their five negative samples amount to.
    push = 5 * together.sum() / (1 - together).sum().clamp(min=1)
    a, b = CURVE
    for _ in range(STEPS):
        squared = (places[first] - places[second]).square().sum(1) + 1e-4
        close = 1 / (1 + a * squared**b)
        pull = together * close.log()
        apart = (1 - together) * (1 - close).clamp(min=1e-4).log()
        optimiser.zero_grad()
        (-(pull.sum() + push * apart.sum()) / len(points)).backward()
        optimiser.step()
        schedule.step()
    return places.detach()
