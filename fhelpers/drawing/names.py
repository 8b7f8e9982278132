"""The names of trained networks, as figures and tables show them."""

from fhelpers.networks import NETWORKS

LINES = {"natural": "-", "shuffled": "--"}  # with true and with shuffled labels
OPTIMISERS = {"sgd": "SGD", "adagrad": "AdaGrad", "adadelta": "AdaDelta", "rmsprop": "RMSprop"}
# By their labels in plans.
NAMES = {
    "natural": "M_natural",
    "shuffled": "M_shuffle",
    "vanilla": "M_natural",
    "dropout": "dropout",
    "mixup-0.5": "mix-up, α = 0.5",
    "mixup-1": "mix-up, α = 1",
    "batchnorm": "BatchNorm",
    "adversarial": "M_adversarial",
    "adversarial-crop-flip": "M_adversarial, crop-flip",
    **OPTIMISERS,
    **{name: entry.title for name, entry in NETWORKS.items()},
}
