"""The papers' claims as executable checks: `CLAIMS[id].of(runs) -> Verdict`.

One small function per claim, in the `claims.py` of its section, registered by `@claim` with its
words, its figure and where its data stand in the section's records. It never takes a network. The
rule of each verdict is fixed before anything is measured:

- an effect is to exceed (or stay below) its margin; `verdicts.decide` tells which of four verdicts
  its 95 % interval gives;
- a claim of several parts has the verdict of its worst part.

The interval is over seeds. With one seed it is over images: the sampling error of the accuracies.
"""

from fhelpers.claims.findings import finding
from fhelpers.claims.verdicts import CLAIMS, Claim, Part, Verdict, claim, conjunction, decide

__all__ = ["CLAIMS", "Claim", "Part", "Verdict", "claim", "conjunction", "decide", "finding"]
