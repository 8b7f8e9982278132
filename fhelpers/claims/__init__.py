"""The papers' claims as executable checks: `CLAIMS[id].of(runs) -> Verdict`.

One small function per claim, in the `claims.py` of its section, registered by `@claim` with its
words, its figure and where its data stand in the section's records. It never takes a network. The
rule of each verdict is fixed before anything is measured:

- an effect is to exceed (or stay below) its margin; when the whole 95 % interval is on the claimed
  side it is *reproduced*, when the whole interval is on the other side *not reproduced*, otherwise
  (also without an interval) *undecided*;
- a claim of several parts is reproduced when every part is, not reproduced when one part is not.

The interval is over seeds. With one seed it is over images: the sampling error of the accuracies,
the images of two networks counted as independent, which errs towards *undecided*.
"""

from fhelpers.claims.findings import finding
from fhelpers.claims.verdicts import CLAIMS, Claim, Part, Verdict, claim, conjunction, decide

__all__ = ["CLAIMS", "Claim", "Part", "Verdict", "claim", "conjunction", "decide", "finding"]
