"""Figures as SVG text, for the white page and for the dark one."""

import io
import re
from pathlib import Path
from urllib.parse import quote

from matplotlib import rc_context
from matplotlib.figure import Figure

from fhelpers.drawing.contrast import in_the_dark

STYLE = Path(__file__).with_name("fhelpers.mplstyle")
LONG = re.compile(r"(?<![\d.])([1-9]\d*\.\d\d)\d+")


@rc_context(fname=STYLE)
def svg(figure: Figure) -> str:
    """The figure as SVG text for a white page; the same figure gives the same text every time."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :].replace("base64,\n", "base64,")
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    text = re.sub(r"\s*\n\s*", " ", text)
    text = text.replace("'DejaVu Sans'", "DejaVu Sans, Verdana, sans-serif")  # as wide
    # Hundredths of a point are enough in drawings; what is written stays as it is.
    return re.sub(r"<[^>]+>", lambda tag: LONG.sub(r"\1", tag[0]), text)


def darkened(text: str) -> str:
    """An SVG from `svg` with its drawn colours moved to the dark page; photographs stay."""
    moved = re.sub(
        r"((?:fill|stroke): )(#[0-9a-f]{6})", lambda match: match[1] + in_the_dark(match[2]), text
    )
    return moved.replace("<svg ", f'<svg fill="{in_the_dark("#000000")}" ', 1)


def data_uri(text: str) -> str:
    """An SVG as an address. Spelt out rather than in base64: a quarter smaller."""
    return "data:image/svg+xml," + quote(text.replace('"', "'"), safe=" !$'()*+,-./:;=?@_~")
