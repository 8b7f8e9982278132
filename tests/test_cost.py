"""`fhelpers.networks.cost` against counts by hand."""

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from fhelpers import networks
from fhelpers.networks.cost import Cost, cost


def test_lenet_as_counted_by_hand():
    counted = cost(networks.build("lenet", channels=3, classes=10), (3, 32, 32))
    # The two convolutions keep the size, and poolings halve it; 5 × 5 × 16 values are left.
    first, second = 32 * 32 * 6 * (3 * 25), 16 * 16 * 16 * (6 * 25)
    dense = 400 * 120 + 120 * 84 + 84 * 10
    weights = 6 * 75 + 16 * 150 + dense
    assert counted == Cost(weights + 6 + 16 + 120 + 84 + 10, first + second + dense)


@pytest.mark.parametrize("size", [28, 32])
def test_resnet_8_as_counted_by_hand(size):
    counted = cost(networks.build("resnet-8", channels=1, classes=10, width=8), (1, size, size))
    layers = [(1, 8, size), *[(8, 8, size)] * 2, (8, 16, size // 2), (16, 16, size // 2),
              (16, 32, size // 4), (32, 32, size // 4)]  # fmt: skip
    convolutions = sum(9 * inputs * outputs * side**2 for inputs, outputs, side in layers)
    assert counted.multiply_adds == convolutions + 32 * 10
    weights = sum(9 * inputs * outputs for inputs, outputs, _ in layers)  # without biases
    assert counted.parameters == weights + 32 * 10 + 10


@pytest.mark.parametrize("name", networks.NETWORKS)
def test_torch_counts_the_same(name):
    model = networks.build(name, channels=3, classes=10)
    with FlopCounterMode(display=False) as counter:
        model(torch.zeros(1, 3, 32, 32))
    assert 2 * cost(model, (3, 32, 32)).multiply_adds == counter.get_total_flops()


def test_counting_leaves_the_network_as_it_was():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(144, 2))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    assert cost(model.train(), (3, 8, 8)).parameters == 3 * 4 * 9 + 4 + 8 + 144 * 2 + 2
    assert model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
