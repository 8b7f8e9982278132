"""The papers' claims as executable checks: `CLAIMS[id](data) -> Verdict`.

One small function per claim, in one module per section, registered by `@claim` with its words. It
takes tidy data, never a network. The rule of each verdict is fixed before anything is measured:

- an effect is to exceed (or stay below) its margin; when the whole 95 % interval is on the claimed
  side it is *reproduced*, when the whole interval is on the other side *not reproduced*, otherwise
  (also without an interval) *inconclusive*;
- a claim of several parts is reproduced when every part is, not reproduced when one part is not.

The interval is over seeds. With one seed it is over images: the sampling error of the accuracies,
the images of two networks counted as independent, which errs towards *inconclusive*.
"""

from fhelpers.claims import architectures as architectures
from fhelpers.claims import batchnorm as batchnorm
from fhelpers.claims import decomposition as decomposition
from fhelpers.claims import detection as detection
from fhelpers.claims import heuristics as heuristics
from fhelpers.claims import masked_training as masked_training
from fhelpers.claims import masks as masks
from fhelpers.claims import noise as noise
from fhelpers.claims import other_datasets as other_datasets
from fhelpers.claims import shuffled_labels as shuffled_labels
from fhelpers.claims import smoothing as smoothing
from fhelpers.claims import tradeoff as tradeoff
from fhelpers.claims.verdicts import CLAIMS, Claim, Part, Verdict, conjunction, decide

__all__ = ["CLAIMS", "Claim", "Part", "Verdict", "conjunction", "decide"]
