"""What every figure of the book must be, whatever it was given."""

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping

from matplotlib.figure import Figure

from fhelpers.drawing import style
from fhelpers.drawing.svg import darkened, svg


def check(figures: Mapping[str, Figure], largest: int = 250_000) -> None:
    """Assert that each has the page's width and becomes small, well-formed SVG for both themes."""
    for name, figure in figures.items():
        text = svg(figure)
        assert figure.get_figwidth() == style.WIDTH, name
        assert len(text) < largest, f"{name}: {len(text):,} characters"
        sizes = [float(size) for size in re.findall(r"font: (?:bold )?([\d.]+)px", text)]
        assert min(sizes, default=11) >= 11, (
            f"{name}: {min(sizes)} points are under 9 px on a phone"
        )
        for theme in (text, darkened(text)):
            ElementTree.fromstring(theme)
