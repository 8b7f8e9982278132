"""Figures of a model's frequency report, and the report as one page that needs no network."""

import html
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from fhelpers.drawing import style
from fhelpers.drawing.masks import WHOLE
from fhelpers.report import FrequencyReport
from fhelpers.runs.store import write_text

ALT = {
    "parts": (
        "Accuracy against the radius that divides low from high part: a blue curve for low parts, "
        "a vermilion one for high parts, a black line for whole images, a dotted line for chance."
    ),
    "gained": "A bar for each band of frequencies: what it adds to the accuracy on test images.",
    "robust": "Accuracy under PGD at three small ε, and without an attack.",
    "maps": (
        "Two maps of frequencies, zero frequency in the centre: on the left the accuracy that is "
        "left when one frequency is added to every image, on the right the learned mask."
    ),
    "energies": "How much of each ring, and of each direction, the learned mask keeps.",
}


def rows_of(report: FrequencyReport, measure: str, part: str) -> pd.DataFrame:
    table = report.table
    return table[(table.measure == measure) & (table.part == part)].sort_values("at")


def one(report: FrequencyReport, measure: str, part: str) -> pd.Series:
    return rows_of(report, measure, part).iloc[0]


@style.styled
def parts(report: FrequencyReport) -> Figure:
    """Accuracy on low and high parts against the radius."""
    figure, ((axes,),) = style.canvas(1, 1, 3.6)
    whole = one(report, "accuracy", "original")
    ends = [(whole.value, "whole image", style.COLOURS["original"])]
    axes.axhline(whole.value, color=style.COLOURS["original"], linewidth=2)
    for part in ("low", "high"):
        rows, colour = rows_of(report, "accuracy", part), style.COLOURS[part]
        axes.plot(rows["at"], rows.value, color=colour, marker="o", markersize=4.5)
        style.band(axes, rows["at"], rows.low, rows.high, colour)
        ends.append((rows.value.iloc[-1], f"{part} part", colour))
    for words in ("half", "90 %"):
        rows = rows_of(report, "radius", words)
        if len(rows):
            found = rows.iloc[0]
            axes.plot(found.value, found["at"] * whole.value, "|", color=style.INK, markersize=16)
    style.percent(axes, highest=1.02)
    style.chance_line(axes, report.about["chance"], where=0.4)
    axes.set(xlabel="radius", ylabel="accuracy", xlim=(0, max(report.about["radii"])))
    mark = Line2D([], [], marker="|", linestyle="", color=style.INK, markersize=12)
    figure.legend([mark], ["half, and 90 %, of the accuracy"], loc="outside upper left")
    style.label_ends(axes, ends, gap=0.09)
    return figure


@style.styled
def gained(report: FrequencyReport) -> Figure:
    """What each band adds to test accuracy, from the lowest up."""
    figure, ((axes,),) = style.canvas(1, 1, 3.1)
    bands = rows_of(report, "gained", "band")
    beyond = one(report, "gained", "beyond")
    inner = [0.0, *bands["at"]]
    names = [f"{a:g}–{b:g}" for a, b in zip(inner, bands["at"], strict=False)]
    names.append(f"> {beyond['at']:g}")
    found = pd.concat([bands, beyond.to_frame().T])
    shades = [style.COLOURS["low"]] + [style.COLOURS["high"]] * (len(found) - 1)
    for place, (row, colour) in enumerate(zip(found.itertuples(), shades, strict=True)):
        style.point(axes, place, row, colour, markersize=7)
    axes.axhline(0, color=style.INK, linewidth=0.9)
    axes.set_xticks(range(len(names)), names, rotation=45, ha="right")
    axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
    axes.locator_params(axis="y", steps=[1, 2, 5, 10])
    axes.set(xlabel="band, by distance from the centre", ylabel="accuracy gained")
    return figure


@style.styled
def robust(report: FrequencyReport) -> Figure:
    """Accuracy under PGD at small ε."""
    figure, ((axes,),) = style.canvas(1, 1, 2.9)
    rows = rows_of(report, "robust accuracy", "PGD-10")
    epsilons = [0.0, *(255 * rows["at"])]
    found = [one(report, "accuracy", "original"), *rows.itertuples()]
    colour = style.COLOURS["original"]
    axes.plot(epsilons, [each.value for each in found], color=colour, linewidth=1.6)
    for epsilon, each in zip(epsilons, found, strict=True):
        style.point(axes, epsilon, each, colour, markersize=6)
    style.percent(axes, highest=1.02)
    axes.set(xlabel="ε in 255ths of the pixel range", ylabel="accuracy under PGD-10")
    return figure


@style.styled
def maps(report: FrequencyReport) -> Figure:
    """The Fourier heat map and the learned mask."""
    figure, axes = style.canvas(1, 2, 3.0)
    shown = {"accuracy, one added": (report.heat_map, "viridis")}
    shown["learned mask"] = (report.mask, WHOLE)
    for panel, (title, (found, colours)) in zip(axes[0], shown.items(), strict=True):
        drawn = style.picture(panel, found, title, vmin=0, cmap=colours)
        bar = figure.colorbar(drawn, ax=panel, fraction=0.046, pad=0.03)
        bar.ax.yaxis.set_major_formatter(lambda value, _: f"{value:.2g}")
    return figure


@style.styled
def energies(report: FrequencyReport) -> Figure:
    """How much of each ring and direction the mask keeps."""
    figure, axes = style.canvas(1, 2, 2.7, sharey=True)
    for panel, part in zip(axes[0], ("radial", "angular"), strict=True):
        rows = rows_of(report, "mask", f"{part} energy kept")
        share = (rows["at"] + 0.5) / len(rows)
        place = share * (1 if part == "radial" else 180)
        colour = style.COLOURS["original"]
        panel.plot(place, rows.value, "o-", color=colour, markersize=4, label="_learned mask")
    axes[0, 0].set(xlabel="distance, share of the largest", ylabel="kept by the mask")
    axes[0, 1].set(xlabel="direction, degrees", xticks=[0, 45, 90, 135, 180])
    style.percent(axes[0, 0], highest=1.02)
    return figure


FIGURES = {"parts": parts, "gained": gained, "maps": maps, "energies": energies, "robust": robust}


def summary(report: FrequencyReport) -> pd.DataFrame:
    """The report's main numbers with their intervals, for a table."""
    whole, kept = one(report, "accuracy", "original"), one(report, "accuracy", "through mask")
    rows = [("accuracy on whole images", style.with_interval(whole))]
    for words in ("half", "90 %"):
        found = rows_of(report, "radius", words)
        if len(found):
            row = found.iloc[0]
            text = f"{row.value:.1f} [{row.low:.1f}, {row.high:.1f}]"
            rows.append((f"radius at which low parts reach {words} of it", text))
    beyond = one(report, "gained", "beyond")
    rows.append(
        (f"lost without what lies beyond r = {beyond['at']:g}", style.with_interval(beyond))
    )
    for each in rows_of(report, "robust accuracy", "PGD-10").itertuples():
        rows.append(
            (f"accuracy under PGD-10, ε = {255 * each.at:.0f}/255", style.with_interval(each))
        )
    rows.append(("accuracy through the learned mask", style.with_interval(kept)))
    rows.append(("weight of the mask", f"{one(report, 'mask', 'weight').value:.2f}"))
    return pd.DataFrame(rows, columns=["measure", "value"])


def in_short(report: FrequencyReport) -> str:
    """What the report says of its model, in two sentences."""
    whole = one(report, "accuracy", "original")
    text = f"Right on {100 * whole.value:.1f} % of {report.about['images']:,} images."
    found = rows_of(report, "radius", "90 %")
    if len(found):
        text += (
            f" Low parts reach 90 % of that at r = {found.iloc[0].value:.1f} "
            f"[{found.iloc[0].low:.1f}, {found.iloc[0].high:.1f}]."
        )
    return text


def band_in_short(report: FrequencyReport) -> str:
    """Which band adds most, in a sentence."""
    bands, beyond = rows_of(report, "gained", "band"), one(report, "gained", "beyond")
    place = int(bands.value.argmax())
    inner = [0.0, *bands["at"]][place]
    return (
        f"The band from {inner:g} to {bands['at'].iloc[place]:g} adds most, "
        f"{100 * bands.value.max():.0f} percentage points; what lies beyond {beyond['at']:g} adds "
        f"{100 * beyond.value:.1f}.".replace("-", "−")
    )


def maps_in_short(report: FrequencyReport) -> str:
    """How far single frequencies disturb, and how many are needed, in a sentence."""
    least, most = (100 * float(end) for end in (report.heat_map.min(), report.heat_map.max()))
    weight = 100 * one(report, "mask", "weight").value
    return (
        f"With one frequency added, between {least:.0f} and {most:.0f} % of the images are right; "
        f"the learned mask holds {weight:.0f} % of the frequencies' weight."
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
        f"Of {100 * whole.value:.0f} % right answers PGD leaves {100 * left:.0f} % at "
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
    about = "; ".join(f"{name} {value}" for name, value in report.about.items() if name != "radii")
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" '
        f'content="width=device-width"><title>{html.escape(title)}</title><style>{CSS}</style>'
        f"<h1>{html.escape(title)}</h1><p>{html.escape(in_short(report))}</p>"
        f"<table><tr><th>measure</th><th>value [95 % interval over images]</th></tr>{rows}</table>"
        f"{figures}<p>{html.escape(about)}</p></html>\n"
    )


def figure_of(report: FrequencyReport, name: str) -> str:
    light, said = style.svg(FIGURES[name](report)), f"{IN_SHORT[name](report)} {ALT[name]}"
    pictures = "".join(
        f'<img class="{which}" alt="{html.escape(ALT[name])}" src="{style.data_uri(text)}">'
        for which, text in (("light", light), ("dark", style.darkened(light)))
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
    ends = []
    for name, report in reports.items():
        whole = one(report, "accuracy", "original").value
        rows = rows_of(report, "accuracy", "low")
        share = rows.value / whole if whole else rows.value * np.nan
        axes.plot(rows["at"], share, color=colours[name], marker="o", markersize=4.5)
        ends.append((float(share.iloc[-1]), name, colours[name]))
    axes.axhline(0.9, color=style.GREY, linestyle=":", linewidth=1.2)
    style.percent(axes, highest=1.1)
    axes.set(xlabel="radius", ylabel="low parts / whole images", xlim=(0, None))
    style.label_ends(axes, ends, gap=0.09)
    return figure
