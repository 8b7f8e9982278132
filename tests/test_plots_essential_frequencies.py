"""The figures of the section on training through masks show what they were given."""

import pandas as pd
import pytest
from drawn import check
from test_claims_essential_frequencies import trained
from test_plots_fourier_masks import module

from fhelpers.sections.essential_frequencies import figures as plots


def through(seeds):
    frame = trained(dict.fromkeys(plots.VARIED, 0.4) | {"mask": 0.45, "random": 0.3}, seeds)
    shuffled = frame[frame.label.isin(["through/mask", "through/complement"])]
    shuffled = shuffled.assign(label=shuffled.label.str.replace("through", "shuffled"))
    frame = pd.concat([frame, shuffled])
    frame = pd.concat([frame, frame.assign(part="input", accuracy=frame.accuracy + 0.1)])
    return plots.trained_through(frame)


def figures(seeds):
    return {
        "variants": plots.variants(module(), module(), 0),
        "through": plots.through(through(seeds), 0.45, 0.1),
    }


@pytest.mark.parametrize("seeds", [1, 2])
@pytest.mark.filterwarnings("error")
def test_every_figure_is_drawn_at_page_width(seeds):
    drawn = figures(seeds)
    assert set(drawn) == set(plots.ALT)
    check(drawn, 300_000)


def test_sentences_name_what_was_measured():
    words = plots.through_in_words(through(3), 0.47)
    assert "47 % of whole test images" in words
    assert "30 % through random frequencies" in words
    assert "45 %" in plots.memorised_in_words(through(3))
