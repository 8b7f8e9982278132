"""Figures of a model's frequency report, and the report as one page that needs no network."""

import html
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from fhelpers.drawing import charts, style
from fhelpers.drawing.masks import SIDE, by_band, centres
from fhelpers.drawing.masks import maps as draw_maps
from fhelpers.drawing.svg import darkened, data_uri, svg
from fhelpers.intervals import as_read
from fhelpers.places import write_text
from fhelpers.report import FrequencyReport

ALT = {
    "parts": "Accuracy against the radius that divides low from high part: a blue curve for low "
    "parts, a vermilion one for high parts, a black line for whole images, a dotted line for "
    "chance.",
    "gained": "A point for each band of frequencies: what it adds to the accuracy on test images.",
    "robust": "Accuracy under PGD at three small ε, and without an attack.",
    "maps": "Two maps of frequencies, zero frequency in the centre: on the left the accuracy that "
    "is left when one frequency is added to every image, on the right the learned mask.",
    "energies": "How much of each ring, and of each direction, the learned mask keeps.",
}


def rows_of(report: FrequencyReport, measure: str, part: str) -> pd.DataFrame:
    table = report.table
    return table[(table.measure == measure) & (table.part == part)].sort_values("at")


def one(report: FrequencyReport, measure: str, part: str) -> pd.Series:
    return rows_of(report, measure, part).iloc[0]


def levels(report: FrequencyReport) -> dict[str, pd.Series]:
    """The radii at which low parts reach a share of the accuracy, by the share in words."""
    rows = report.table[report.table.measure == "radius"]
    return {row.part: row for _, row in rows.iterrows()}


def radius_of(row: pd.Series) -> str:
    """The radius with its interval; beyond the last one where it was not reached."""
    ends = [f"{each:.1f}" if np.isfinite(each) else "–" for each in (row.low, row.high)]
    return f"{row.value:.1f} [{', '.join(ends)}]" if np.isfinite(row.value) else "not reached"


@style.styled
def parts(report: FrequencyReport) -> Figure:
    """Accuracy on low and high parts against the radius."""
    figure, ((axes,),) = style.canvas(1, 1, 3.6)
    whole, colour = one(report, "accuracy", "original").value, style.COLOURS["original"]
    axes.axhline(whole, color=colour, linewidth=2, label="_whole image")
    rows = pd.concat([rows_of(report, "accuracy", part) for part in ("low", "high")])
    names = {part: f"{part} part" for part in ("low", "high")}
    look = {"colours": style.COLOURS, "names": names, "markers": "o", "markersize": 4.5}
    ends = charts.curves(axes, rows, x="at", by="part", **look)
    for words, found in levels(report).items():
        if not np.isfinite(found.value):
            continue
        look = {"color": style.INK, "markersize": 16, "label": f"_{words} of the accuracy"}
        axes.plot(found.value, found["at"] * whole, "|", **look)
    style.percent(axes, highest=1.02)
    style.chance_line(axes, report.about["chance"], where=0.4)
    axes.set(xlabel="radius", ylabel="accuracy", xlim=(0, max(report.about["radii"])))
    charts.key(
        figure, [("half, and 90 %, of the accuracy", style.INK, "|", "", {"markersize": 12})]
    )
    style.label_ends(axes, [(whole, "whole image", colour), *ends], gap=0.09)
    return figure


@style.styled
def gained(report: FrequencyReport) -> Figure:
    """What each band adds to test accuracy, from the lowest up."""
    figure, ((axes,),) = style.canvas(1, 1, 3.1)
    found = pd.concat([rows_of(report, "gained", part) for part in ("band", "beyond")])
    ends = [f"{end:g}" for end in found["at"]]
    inner = [f"{a}–{b}" for a, b in zip(["0", *ends], ends[:-1], strict=False)]
    found["name"] = [*inner, f"> {ends[-1]}"]
    charts.dots(axes, found, at="name", names="accuracy gained", upright=True)
    axes.axhline(0, color=style.INK, linewidth=0.9)
    axes.tick_params(axis="x", rotation=45)
    style.in_percent(axes.yaxis)
    axes.locator_params(axis="y", steps=[1, 2, 5, 10])
    axes.set(xlabel="band, by distance from the centre", ylabel="accuracy gained")
    return figure


@style.styled
def robust(report: FrequencyReport) -> Figure:
    """Accuracy under PGD at small ε."""
    figure, ((axes,),) = style.canvas(1, 1, 2.9)
    whole = rows_of(report, "accuracy", "original").assign(at=0.0)
    rows = pd.concat([whole, rows_of(report, "robust accuracy", "PGD-10")])
    look = {"colours": style.COLOURS["original"], "markers": "o", "names": "PGD-10"}
    charts.curves(axes, rows.assign(at=255 * rows["at"]), x="at", linewidth=1.6, **look)
    style.percent(axes, highest=1.02)
    axes.set(xlabel="ε in 255ths of the pixel range", ylabel="accuracy under PGD-10")
    return figure


@style.styled
def maps(report: FrequencyReport) -> Figure:
    """The Fourier heat map and the learned mask."""
    figure, axes = style.canvas(1, 2, 3.0)
    highest = float(report.heat_map.max())
    left = {"accuracy, one added": report.heat_map}
    draw_maps(axes[0, :1], left, "accuracy", cmap="viridis", vmax=highest)
    draw_maps(axes[0, 1:], {"learned mask": report.mask})
    return figure


@style.styled
def energies(report: FrequencyReport) -> Figure:
    """How much of each ring and direction the mask keeps."""
    figure, axes = style.canvas(1, 2, 2.7, sharey=True)
    rows = {part: rows_of(report, "mask", f"{part} energy kept") for part in SIDE}
    shown = [each.assign(part=p, place=centres(p, len(each))) for p, each in rows.items()]
    look = {"colours": style.COLOURS["original"], "names": "learned mask"}
    by_band(axes[0], pd.concat(shown), markers="o", markersize=4, **look)
    axes[0, 0].set_ylabel("kept by the mask")
    style.percent(axes[0, 0], highest=1.02)
    return figure


FIGURES = {"parts": parts, "gained": gained, "maps": maps, "energies": energies, "robust": robust}


def summary(report: FrequencyReport) -> pd.DataFrame:
    """The report's main numbers with their intervals, for a table."""
    whole, kept = (one(report, "accuracy", part) for part in ("original", "through mask"))
    beyond = one(report, "gained", "beyond")
    rows = {"accuracy on whole images": style.with_interval(whole)}
    for words, row in levels(report).items():
        rows[f"radius at which low parts reach {words} of it"] = radius_of(row)
    lost = f"lost without what lies beyond r = {beyond['at']:g}"
    rows[lost] = style.with_interval(beyond)
    for row in rows_of(report, "robust accuracy", "PGD-10").itertuples():
        rows[f"accuracy under PGD-10, ε = {255 * row.at:.0f}/255"] = style.with_interval(row)
    rows["accuracy through the learned mask"] = style.with_interval(kept)
    rows["weight of the mask"] = f"{one(report, 'mask', 'weight').value:.2f}"
    return pd.DataFrame(rows.items(), columns=["measure", "value"])


def in_short(report: FrequencyReport) -> str:
    """What the report says of its model, in two sentences."""
    whole = one(report, "accuracy", "original")
    text = f"Correct on {100 * whole.value:.1f} % of {report.about['images']:,} images."
    if (row := levels(report).get("90 %")) is not None:
        reached = f"reach 90 % of that at r = {radius_of(row)}"
        text += f" Low parts {reached if np.isfinite(row.value) else 'never reach 90 % of that'}."
    return text


def band_in_short(report: FrequencyReport) -> str:
    """Which band adds most to chance, in two sentences."""
    bands, beyond = rows_of(report, "gained", "band"), one(report, "gained", "beyond")
    added, chance = bands.value.to_numpy().copy(), report.about["chance"]
    added[0] -= chance  # which needs no frequency
    place = int(added.argmax())
    inner = [0.0, *bands["at"]][place]
    return as_read(
        f"The band from {inner:g} to {bands['at'].iloc[place]:g} adds most, "
        f"{100 * added[place]:.0f} percentage points; what lies beyond {beyond['at']:g} adds "
        f"{100 * beyond.value:.1f}. Of the first band's {100 * bands.value.iloc[0]:.0f} points, "
        f"{100 * chance:.0f} are chance and not counted here."
    )


def maps_in_short(report: FrequencyReport) -> str:
    """How far single frequencies disturb, and how many are needed, in a sentence."""
    least, most = (100 * float(end) for end in (report.heat_map.min(), report.heat_map.max()))
    weight, step = one(report, "mask", "weight"), report.about.get("step", 1)
    count = report.about["few"]
    coarse = f" Frequencies {step} apart in each direction were tried." if step > 1 else ""
    return (
        f"With a wave of one frequency added, of norm {report.about['norm']:.3g} in each channel, "
        f"between {least:.0f} and {most:.0f} % of {count:,} images are "
        f"correct; the mask, learned from {int(weight.images):,}, holds {100 * weight.value:.0f} % "
        f"of the frequencies' weight.{coarse}"
    )


def energies_in_short(report: FrequencyReport) -> str:
    """Where the mask keeps its energy, in a sentence."""
    kept = rows_of(report, "mask", "radial energy kept").value
    half = len(kept) // 2
    return (
        f"The mask keeps {100 * kept.iloc[:half].mean():.0f} % of a ring in the inner half and "
        f"{100 * kept.iloc[half:].mean():.0f} % in the outer half, averaged over the rings."
    )


def robust_in_short(report: FrequencyReport) -> str:
    """What the strongest of the small attacks leaves, in a sentence."""
    whole, last = one(report, "accuracy", "original"), rows_of(report, "robust accuracy", "PGD-10")
    epsilon, left = 255 * last["at"].iloc[-1], last.value.iloc[-1]
    return (
        f"Without an attack {100 * whole.value:.0f} % of {int(whole.images):,} images are correct, "
        f"under PGD {100 * left:.0f} % of the first {int(last.images.iloc[-1]):,} at "
        f"ε = {epsilon:.0f}/255."
    )


IN_SHORT = {
    "parts": in_short,
    "gained": band_in_short,
    "maps": maps_in_short,
    "energies": energies_in_short,
    "robust": robust_in_short,
}

CSS = """
body{font:16px/1.55 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem;
color:#1b1f24;background:#fff}img{width:100%;height:auto}table{border-collapse:collapse;width:100%}
td,th{padding:.3rem .6rem;border-bottom:1px solid #dfe3e8;text-align:left}.dark{display:none}
figure{margin:1.5rem 0}figcaption{color:#4b5563}
@media(prefers-color-scheme:dark){body{color:#d7dbe0;background:#14181e}.dark{display:block}
.light{display:none}td,th{border-color:#333a44}figcaption{color:#9aa3ad}}
"""


def page(report: FrequencyReport) -> str:
    """The report as one HTML page with its figures in it: no network, no script."""
    title = f"Frequency report of {report.about['model']}"
    rows = "".join(
        f"<tr><td>{html.escape(name)}</td><td>{html.escape(value)}</td></tr>"
        for name, value in summary(report).itertuples(index=False)
    )
    figures = "".join(figure_of(report, name) for name in FIGURES)
    shown = {name: value for name, value in report.about.items() if name not in ("radii", "doubts")}
    about = "; ".join(f"{name} {value}" for name, value in shown.items())
    doubts = "".join(f"<li>{html.escape(text)}</li>" for text in report.about.get("doubts", ()))
    doubts = f"<h2>Doubtful</h2><ul>{doubts}</ul>" if doubts else ""
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" '
        f'content="width=device-width"><title>{html.escape(title)}</title><style>{CSS}</style>'
        f"<h1>{html.escape(title)}</h1><p>{html.escape(in_short(report))}</p>{doubts}"
        f"<table><tr><th>measure</th><th>value [95 % interval over images]</th></tr>{rows}</table>"
        f"{figures}<p>{html.escape(about)}</p></html>\n"
    )


def figure_of(report: FrequencyReport, name: str) -> str:
    light, said = svg(FIGURES[name](report)), f"{IN_SHORT[name](report)} {ALT[name]}"
    pictures = "".join(
        f'<img class="{which}" alt="{html.escape(ALT[name])}" src="{data_uri(text)}">'
        for which, text in (("light", light), ("dark", darkened(light)))
    )
    return f"<figure>{pictures}<figcaption>{html.escape(said)}</figcaption></figure>"


def write(report: FrequencyReport, folder: Path) -> list[Path]:
    """Write report.html, report.json and report.csv, each whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = {
        "report.html": page(report),
        "report.json": report.to_json(),
        "report.csv": report.table.to_csv(index=False),
    }
    for name, text in texts.items():
        write_text(folder / name, text)
    return [folder / name for name in texts]


@style.styled
def compared(reports: dict[str, FrequencyReport], colours: dict[str, str]) -> Figure:
    """Accuracy on low parts over that on whole images, for several models on one figure."""
    figure, ((axes,),) = style.canvas(1, 1, 3.5)
    shares = []
    for name, report in reports.items():
        whole, rows = one(report, "accuracy", "original").value, rows_of(report, "accuracy", "low")
        parts = rows[["value", "low", "high"]] / (whole or np.nan)
        shares.append(rows.assign(model=name, **parts))
    look = {"colours": colours, "markers": "o", "markersize": 4.5, "by": "model"}
    ends = charts.curves(axes, pd.concat(shares), x="at", **look)
    axes.axhline(0.9, color=style.GREY, linestyle=":", linewidth=1.2)
    style.percent(axes, highest=1.1)
    axes.set(xlabel="radius", ylabel="low parts / whole images", xlim=(0, None))
    style.label_ends(axes, ends, gap=0.09)
    return figure
