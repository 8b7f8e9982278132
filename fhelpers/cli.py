"""The command line: a thin face over the package. Errors are one sentence and exit status 2."""

import math
import os
import re
import signal
import sys
from pathlib import Path
from typing import Annotated

import cyclopts
from cyclopts import App, Parameter
from tqdm import tqdm

from fhelpers import places
from fhelpers.pages import forks

# Lists are parameters' values here, not several values of the option.
Pairs = Annotated[list[tuple[str, str]], Parameter(name="-p", negative="", json_list=False)]
Scale = Annotated[str, Parameter(help="smoke, quick, standard or paper.")]
Dataset = Annotated[str, Parameter(help="Such as cifar10.")]
Seeds = Annotated[str, Parameter(help='Such as "0 1 2" or "[0, 1, 2]".')]
PageSeeds = Annotated[
    str, Parameter(help='Such as "0 1 2"; unless given, those that are published for each page.')
]


def whole(kind: type, tokens) -> int:
    """A whole number as typed: left to itself, Cyclopts would round 1.5."""
    try:
        return int(tokens[0].value)
    except ValueError:
        from fhelpers.data.files import quoted

        raise ValueError(f"not a whole number: {quoted(tokens[0].value)}") from None


Whole = Annotated[int, Parameter(converter=whole)]
MOST_THREADS = 1_024  # more would only be a slip of the hand

app = App(
    name="fhelpers",
    help="Image frequencies and how convolutional networks generalise.",
    suppress_keyboard_interrupt=False,  # `main` says what an interruption leaves
)


@app.command
def run(run_id: str, *others: str, threads: Whole = 1) -> None:
    """Carry out planned runs, one after the other, or say that they are done.

    Args:
        run_id: A name from `fhelpers runs`.
        others: More names, for runs that are to share a process.
        threads: Processor threads for these runs; results are bit-equal for the same number only.
    """
    import torch

    from fhelpers.runs import store

    if not 1 <= threads <= MOST_THREADS:
        raise ValueError(f"threads must be from 1 to {MOST_THREADS}, not {threads}")
    torch.set_num_threads(threads)
    for recipe in [store.find(name) for name in (run_id, *others)]:
        with tqdm(total=recipe.steps, unit="epoch", desc=recipe.run_id, disable=None) as bar:
            finished = store.carry_out(recipe, lambda done: bar.update(done - bar.n), whole=True)
        print(f"{finished.path} · {finished.record['seconds']:.0f} s", flush=True)


@app.command
def runs() -> None:
    """List this store's runs: name, state, epochs, time and accuracy on the test set.

    Published runs are not among them: their names are those of the folders of results/published.
    """
    from fhelpers.runs import records, store

    listing = store.listing()
    if len(listing):
        print(listing.to_string(index=False))
    else:
        print(f"no runs yet in {places.writable(records.root(), folder=True)}")


@app.command
def verify(*run_ids: str, published: Whole = 0, seed: Whole = 0) -> int:
    """Carry finished runs out anew and print the largest difference to their records.

    The status is 1 if a number differs by more than 1e-4 on the record's kind of processor. Other
    processors round differently, and long training amplifies the difference: there the status is 1
    only if rows or shapes differ.

    Args:
        run_ids: Names from `fhelpers runs`.
        published: How many published runs, drawn at random, to verify as well.
        seed: Seed of that draw.
    """
    from fhelpers.runs import provenance, store
    from fhelpers.runs.verify import carry_out_anew, largest_difference

    if published < 0:
        raise ValueError(f"--published must be 0 or more, not {published}")
    found = [store.finished(name) for name in run_ids]
    if None in found:
        name = run_ids[found.index(None)]
        raise ValueError(f"no finished run is called {name[:100]!r}; see `fhelpers runs`")
    found += store.some_published(published, seed)
    if not found:
        raise ValueError("name a finished run, or ask for published ones with --published N")
    worst = 0.0
    for run in found:
        difference = largest_difference(run, carry_out_anew(run))
        said = f"{difference:.2g}" if difference else "bit-equal"
        processor = provenance.processor_of(run.record["machine"])
        if processor == provenance.processor_of(provenance.machine()) or math.isinf(difference):
            worst = max(worst, difference)
        else:
            said += f", on another processor than the record's {processor}"
        print(f"{run.run_id} · {said}", flush=True)
    return int(worst > 1e-4)


@app.command
def publish(
    *, scale: Scale = "standard", dataset: Dataset = "cifar10", seeds: Seeds = "0 1 2"
) -> None:
    """Copy the finished runs of a book to results/published, to be committed with it."""
    from fhelpers.pages import published

    given = checked_book(scale, dataset, seeds)
    copied, missing = published.publish(**given)
    size = sum(file.stat().st_size for run in copied for file in run.iterdir())
    print(f"{len(copied)} runs published, {size / 1e6:.1f} MB; {missing} are not finished yet")


@app.command
def notebook(slug: str, *, p: Pairs | None = None, to: Path | None = None) -> int | None:
    """Execute a notebook with parameters, training what is missing.

    Args:
        slug: A notebook's name, such as 02_shuffled_labels.
        p: A parameter's name and value, such as `-p epochs 5` or `-p radii "[4, 8]"`; repeatable.
        to: Where to write the executed notebook; book/sections/SLUG.ipynb unless given.
    """
    if (status := forks.hand_over()) is not None:
        return status
    from fhelpers.pages import execution, notebooks

    known = notebooks.defaults(slug)  # a folder may be called 2017: text stays text
    given = {
        name: text if isinstance(known.get(name), str) else notebooks.parse(text)
        for name, text in p or []
    }
    destination = to or notebooks.NOTEBOOKS.parent / "book" / "sections" / f"{slug}.ipynb"
    # A fork of macOS's own libraries may crash.
    print(execution.execute(slug, given, destination, fork=sys.platform == "linux"))
    return None


@app.command
def explorer(natural: str, adversarial: str, *, to: Path | None = None) -> int | None:
    """Write the files of the page "Explorer" from two finished or planned runs.

    Args:
        natural: A run from `fhelpers runs`, trained on images as they are.
        adversarial: A run on the same data set, trained adversarially.
        to: The folder to write to; _build/explorer unless given.
    """
    if (status := forks.hand_over()) is not None:
        return status
    from fhelpers.pages import explorer
    from fhelpers.runs import store

    destination = places.writable(to or places.home() / "_build" / "explorer", folder=True)
    pair = [store.carry_out(store.find(name), whole=True) for name in (natural, adversarial)]
    file = explorer.write(*pair, destination)
    print(f"{file} · {file.stat().st_size / 1e6:.2f} MB")
    return None


@app.command
def pdf(pages: Path | None = None) -> None:
    """Print the built book to one PDF beside its pages.

    Args:
        pages: The folder of built pages; _build/html unless given.
    """
    from fhelpers.pages import pdf

    file = pdf.write(pages)
    print(f"{file} · {file.stat().st_size / 1e6:.1f} MB")


@app.command
def report(
    model: str,
    *,
    dataset: str | None = None,
    weights: str | None = None,
    images: Whole | None = None,
    few: Whole = 1_000,
    to: Path = Path("report"),
) -> None:
    """Measure which frequencies a classifier relies on: report.html, report.json, report.csv.

    Args:
        model: A torchvision model's name, a .pt2 or TorchScript file, package.module:function that
            returns a module, or a run from `fhelpers runs`. It takes pixels in [0, 1].
        dataset: Whose test images it is asked about; cifar10 unless given. A run has its own.
        weights: For a function's or a torchvision model: a file; for the latter also DEFAULT, the
            published ones, with imagenette or tiny-imagenet-10.
        images: How many test images, from the first on; all unless given.
        few: How many of these the slower measurements use: heat map, attacks and mask.
        to: The folder to write to.
    """
    from fhelpers import data
    from fhelpers.networks.compute import accelerator
    from fhelpers.report import frequency_report
    from fhelpers.report import models as outside
    from fhelpers.report import page as pages

    if few < 2 or (images is not None and images < 2):
        raise ValueError("images and few must be at least 2")
    to = places.writable(to, folder=True)
    if outside.is_run(model):
        test = outside.test_images(model, dataset, images)
    else:
        test = data.load(dataset or "cifar10", train=False, limit=images)
    asked = outside.load_model(model, weights=weights, classes=test.classes).to(accelerator())
    with tqdm(total=4, desc=model, unit="part", disable=None) as bar:

        def progress(part: str) -> None:
            bar.set_postfix_str(part)
            bar.update()

        found = frequency_report(
            asked, test.pixels(), test.labels, classes=len(test.classes), name=model, few=few,
            progress=progress,
        )  # fmt: skip
    print(pages.in_short(found))
    for doubt in found.about["doubts"]:
        print(f"doubtful: {doubt}", file=sys.stderr)
    for file in pages.write(found, to):
        print(file)


@app.command
def claims(
    *,
    scale: Scale = "standard",
    dataset: Dataset = "cifar10",
    seeds: PageSeeds = "",
    to: Path = Path("claims.json"),
) -> int:
    """Check every claim of both papers, training what is missing; write claims.json.

    The status is 0 whatever the verdicts, and 1 if a claim could not be computed.

    Args:
        to: The file to write.
    """
    from fhelpers.pages import scorecard

    file = places.writable(to)
    outcomes = scorecard.judge(scorecard.load(**checked_book(scale, dataset, seeds)))
    frame = scorecard.table(outcomes, scale)
    for each in outcomes:
        print(each.verdict or f"{each.id} not computed: {each.failure}")
    file.parent.mkdir(parents=True, exist_ok=True)
    places.write_text(file, scorecard.to_json(frame))
    print(file)
    return int(any(each.verdict is None for each in outcomes))


@app.command(name="data")
def fetch_data(*names: str) -> None:
    """Fetch data sets by name, or say that they are there.

    Args:
        names: Such as cifar10, mnist or fashion-mnist.
    """
    from fhelpers import data

    if not names:
        raise ValueError(f"name one or more data sets: {', '.join(data.NAMES)}")
    for name in names:
        data.fetch(name)
        print(f"{name}: there and verified")


@app.command
def coco(tiny_imagenet: Path, to: Path) -> None:
    """Turn the boxes of Tiny ImageNet into a folder in COCO's format, with COCO's classes.

    Args:
        tiny_imagenet: The folder tiny-imagenet-200.
        to: The folder to write, which can then be a page's coco_root.
    """
    from fhelpers.data import coco as folders

    to = places.writable(to, folder=True)
    print(f"{to}: {folders.from_tiny_imagenet(places.absolute(tiny_imagenet), to)} images")


@app.command
def book(
    *,
    scale: Scale = "standard",
    dataset: Dataset = "cifar10",
    seeds: PageSeeds = "",
    jobs: Whole = 1,
) -> None:
    """Build the book, as `make book` does: runs, pages, HTML.

    A call resumes where a killed one stopped; a second call at the same time is refused.

    Args:
        jobs: How many runs and pages at a time.
    """
    from fhelpers.pages import workflow

    given = {"scale": scale, "dataset": dataset}
    if numbers := whole_numbers("seeds", seeds):
        given["seeds"] = numbers
    workflow.start(given, jobs)


def checked_book(scale: str, dataset: str, seeds: str) -> dict:
    """The parameters of a whole book. Raises ValueError for impossible ones."""
    from fhelpers.pages import notebooks

    given = {"scale": scale, "dataset": dataset, "seeds": whole_numbers("seeds", seeds)}
    notebooks.check("00_scorecard", given)
    return given


def whole_numbers(name: str, text: str) -> list[int]:
    """Numbers typed as 0 1, as 0,1 or as [0, 1]."""
    words = text.strip().removeprefix("[").removesuffix("]").replace(",", " ").split()
    try:
        return [int(word) for word in words]
    except ValueError:
        what = f"{name} must be whole numbers such as 0 1 2"
        raise ValueError(f"{what}, not {text[:100]!r}") from None


def main() -> None:
    """Run the command line; wrong input ends with one sentence and status 2."""
    for stream in filter(None, (sys.stdout, sys.stderr)):  # None: closed by the caller
        stream.reconfigure(errors="replace")  # what a terminal cannot show must not end a run
    try:
        status = app(exit_on_error=False, print_error=False, result_action="return_value")
        print(end="", flush=True)  # here, where a reader who went away is no error
        sys.exit(status or 0)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(128 + signal.SIGPIPE)
    except (ValueError, ArithmeticError, OSError, RuntimeError, cyclopts.CycloptsError) as error:
        print(f"fhelpers: {sentence(error)}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("fhelpers: stopped; finished epochs are kept", file=sys.stderr)
        sys.exit(130)


def sentence(error: Exception) -> str:
    """What an error says, on one line, with the file that the system's own errors leave out."""
    text = str(error)
    if isinstance(error, OSError) and error.strerror:
        text = error.strerror if error.filename is None else f"{error.filename}: {error.strerror}"
    if isinstance(error, cyclopts.CycloptsError):
        text = re.sub(r'"[^"]{100,}"', lambda found: f"{found[0][:99]}…", text)
    return re.sub(r"(\S{200})\S{400,}", r"\1…", " ".join(text.split()))
