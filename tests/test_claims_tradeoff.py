"""W3 and W27 on planted perturbations: yes, no, and not to be told."""

import numpy as np
import pandas as pd
import pytest

from fhelpers.claims import CLAIMS

NO = "not reproduced"


def perturbations(share, seeds=(0, 1, 2), images=200, low_change=1e-8):
    """Smallest perturbations of the high part: a share lies within 1/255, some are wrong anyway."""
    rows = []
    for seed in seeds:
        within = round(share * images) + seed  # seeds differ a little
        sizes = [0.003] * within + [0.01] * ((images - within) // 2)
        sizes += [np.inf] * (images - len(sizes)) + [0.0] * 20
        rows += [{"seed": seed, "part": "high", "size": size} for size in sizes]
        rows += [{"seed": seed, "part": "low", "size": 0.001}] * images
    return pd.DataFrame(rows).assign(low_change=low_change)


@pytest.mark.parametrize(
    ("share", "verdict"),
    [(0.5, "reproduced"), (0.03, "reproduced"), (0.0, "undecided")],
)
@pytest.mark.parametrize("seeds", [(0,), (0, 1, 2)])
def test_w3(share, verdict, seeds):
    found = CLAIMS["W3"](perturbations(share, seeds, 500))
    assert found.verdict == verdict
    assert found.parts[1].ours
    assert found.parts[1].verdict == {0.5: "reproduced", 0.03: "weaker"}.get(share, NO)
    assert found.estimate.value == pytest.approx(share, abs=0.02)


def test_w3_does_not_count_pairs_whose_low_parts_differ():
    found = CLAIMS["W3"](perturbations(0.5, low_change=1e-3))
    assert found.estimate.value == 0
    assert found.verdict == "undecided"  # none among 200 images does not mean that there is none
    assert found.parts[1].verdict == "not reproduced"


def test_w3_says_in_words_that_few_images_were_flipped():
    rows = perturbations(0.5)
    rows.loc[(rows.seed == 1) & (rows["size"] == 0.01), "size"] = np.inf
    rows.loc[(rows.seed == 1) & (rows["size"] == 0.003) & (rows.index % 2 == 0), "size"] = np.inf
    note = CLAIMS["W3"](rows).note
    assert note.startswith("In some network less than half of the images were flipped; ")
    assert "inf" not in note


def test_w3_needs_images():
    with pytest.raises(ValueError, match="No correctly classified image"):
        CLAIMS["W3"](perturbations(0.0)[lambda rows: rows["size"] == 0])


def normed(natural, batchnorm, *, seeds=3, images=400, pgd=(0.4, 0.3)):
    """Shares of images that stay right within 1/255, and accuracies under PGD at two ε."""
    rows, attacked = [], []
    shares = zip(("natural", "batchnorm"), (natural, batchnorm), pgd, strict=True)
    for name, share, accuracy in shares:
        for seed in range(seeds):
            stays = round(share * images) + seed
            sizes = [0.01] * stays + [0.002] * (images - stays) + [0.0] * 50
            rows += [
                {"network": name, "part": "all", "seed": seed, "image": image, "size": size}
                for image, size in enumerate(sizes)
            ]
            attacked += [
                {"label": f"corollary-{name}", "seed": seed, "epsilon": epsilon,
                 "images": images, "accuracy": accuracy + 0.002 * seed * (name == "natural")}
                for epsilon in (0.004, 0.008)
            ]  # fmt: skip
    return pd.DataFrame(rows), pd.DataFrame(attacked)


@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize(
    ("natural", "batchnorm", "expected"),
    [(0.6, 0.3, "reproduced"), (0.3, 0.6, "not reproduced")],
)
def test_w27(seeds, natural, batchnorm, expected):
    found = CLAIMS["W27"](*normed(natural, batchnorm, seeds=seeds))
    assert found.verdict == expected
    assert found.estimate.value == pytest.approx(natural - batchnorm)
    assert found.parts[1].ours
    assert found.parts[1].estimate.value == pytest.approx(0.1, abs=0.003)
    assert found.parts[1].verdict == "reproduced"


def test_w27_is_open_where_both_are_alike():
    rows, attacked = normed(0.5, 0.5, seeds=1)
    assert CLAIMS["W27"](rows, attacked).verdict in ("undecided", "not reproduced")
    shifted = rows.assign(
        image=rows.image.where(rows.network == "natural", (rows.image + 200) % 400)
    )
    shifted = shifted[shifted["size"] > 0]
    assert CLAIMS["W27"](shifted, attacked).verdict == "undecided"


def test_w27_looks_only_at_images_that_both_get_right():
    rows, attacked = normed(0.6, 0.3)
    wrong = (rows.network == "batchnorm") & (rows.image >= 300)
    changed = rows.assign(size=rows["size"].where(~wrong, 0.0))
    found = CLAIMS["W27"](changed, attacked).estimate.value
    assert found == pytest.approx((240 - 120) / 300)
    none = CLAIMS["W27"](rows.assign(size=0.0), attacked)
    assert (none.verdict, none.estimate.n) == ("undecided", 0)
    assert none.note == "No image is classified correctly by both networks."
