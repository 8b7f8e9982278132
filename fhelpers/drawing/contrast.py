"""How strongly colours stand out, on the white page and on the dark one (WCAG 2)."""

from functools import lru_cache

import numpy as np
from matplotlib.colors import to_hex, to_rgb
from scipy.optimize import brentq

WHITE_PAGE = "#ffffff"
DARK_PAGE = "#14181e"
OVER_PICTURES = "#fefefe"  # for lines on pictures and bars: the same on both pages
# Contrast on the white page -> on the dark one: thin coloured lines need more of it there, and pure
# white glares, so that black becomes light grey.
DARK_SCALE = ([1, 1.5, 3, 21], [1, 1.5, 5.5, 13.5])


def luminance(colour) -> float:
    """Relative luminance of a colour, from 0 (black) to 1 (white)."""
    rgb = np.array(to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(first, second) -> float:
    """Contrast ratio of two colours, 1 to 21."""
    darker, lighter = sorted(map(luminance, (first, second)))
    return (lighter + 0.05) / (darker + 0.05)


@lru_cache(maxsize=4096)
def with_contrast(colour: str, ratio: float, page: str = WHITE_PAGE) -> str:
    """The tint or shade of `colour` that has the contrast `ratio` with `page`."""
    start, away = np.array(to_rgb(colour)), "#000000" if page == WHITE_PAGE else "#ffffff"
    target = np.array(to_rgb(page if contrast(colour, page) > ratio else away))

    def too_much(share: float) -> float:
        return contrast((1 - share) * start + share * target, page) - ratio

    within = too_much(0) * too_much(1) <= 0
    share = brentq(too_much, 0, 1) if within else 1  # black and white have no more to give
    return to_hex((1 - share) * start + share * target)


def in_the_dark(colour: str) -> str:
    """The colour that stands out from the dark page as `colour` does from the white one."""
    if colour == OVER_PICTURES:
        return colour
    ratio = np.exp(np.interp(np.log(contrast(colour, WHITE_PAGE)), *np.log(DARK_SCALE)))
    return with_contrast(colour, round(float(ratio), 3), DARK_PAGE)


def for_text(colour: str) -> str:
    """The colour itself, or the shade of it that small text needs (contrast 4.5)."""
    return colour if contrast(colour, WHITE_PAGE) >= 4.5 else with_contrast(colour, 4.5)
