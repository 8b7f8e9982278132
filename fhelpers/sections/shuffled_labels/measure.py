"""From which of two planted cues a network learns true labels (S. Wang et al. 2023)."""

import pandas as pd

from fhelpers import data
from fhelpers.sections.shuffled_labels.claims import EXAMPLES, energies, low_minus_high
from fhelpers.sections.shuffled_labels.plan import BETWEEN


def noise_ratio() -> float:
    """How many times as much noise planted images have in their low part as in their high part.

    Taken from images without a cue, their means taken away.
    """
    noise = data.load("planted", train=True, limit=EXAMPLES, low=0, high=0).pixels()
    energy = energies(noise, [BETWEEN])
    return energy["low", BETWEEN] / energy["high", BETWEEN]


def preferences(history: pd.DataFrame) -> pd.DataFrame:
    """How much each network on planted cues prefers the low part: W26's measure at equal radii.

    history: labels cue-<ratio>. Columns ratio; advantage, the signal-to-noise ratio (in power) of
    the high cue over that of the low one; value, low, high, n, over.
    """
    labels = {label for label in history.label if label.startswith("cue-")}
    ratios, more = sorted(float(label.removeprefix("cue-")) for label in labels), noise_ratio()
    return pd.DataFrame(
        {"ratio": ratio, "advantage": ratio**2 * more}
        | vars(low_minus_high(history, f"cue-{ratio:g}", BETWEEN, BETWEEN))
        for ratio in ratios
    )


def in_short(found: pd.DataFrame) -> str:
    """What the preferences say about "low frequencies first", in a sentence."""
    low, high = found[found.low > 0], found[found.high < 0]
    if low.empty or high.empty:
        which, clear = ("the low cue", low) if len(low) else ("the high cue", high)
        if clear.empty:
            which, clear = "neither cue", found
        said = f"At these strengths networks on true labels prefer {which}"
        if len(clear) == len(found):
            return f"{said} throughout."
        where = f"at {len(clear)} of {len(found)} ratios, and neither of them clearly at the others"
        return f"{said} {where}."
    return (
        "Low frequencies come first where they are the more distinctive: the low cue is preferred "
        f"up to a signal-to-noise ratio (in power) of the high cue of {low.advantage.max():.1f} "
        f"times its own, the high cue from {high.advantage.min():.1f} times on."
    )
