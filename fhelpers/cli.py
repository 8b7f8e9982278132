"""The command line: a thin face over the package. Errors are one sentence and exit status 2."""

import sys
from pathlib import Path
from typing import Annotated

import cyclopts
from cyclopts import App, Parameter
from tqdm import tqdm

# Lists are parameters' values here, not several values of the option.
Pairs = Annotated[list[tuple[str, str]], Parameter(name="-p", negative="", json_list=False)]

app = App(
    name="fhelpers",
    help="Image frequencies and how convolutional networks generalise.",
    suppress_keyboard_interrupt=False,  # `main` says what an interruption leaves
)


@app.command
def run(run_id: str, *, threads: int = 1) -> None:
    """Carry out a planned run, or say that it is done.

    Parameters
    ----------
    run_id
        A name from `fhelpers runs`.
    threads
        Processor threads for this run; results are bit-equal for the same number only.
    """
    import torch

    from fhelpers import store

    torch.set_num_threads(threads)
    recipe, scale = store.find(run_id)
    with tqdm(total=recipe.steps, unit="epoch", desc=run_id, disable=None) as bar:

        def progress(done: int) -> None:
            bar.update(done - bar.n)

        finished = store.carry_out(recipe, scale, progress)
    print(f"{finished.path} · {finished.record['seconds']:.0f} s")


@app.command
def runs() -> None:
    """List all runs: scale, name, state, time and accuracy on the test set."""
    from fhelpers import store

    listing = store.listing()
    print(listing.to_string(index=False) if len(listing) else f"no runs yet in {store.root()}")


@app.command
def notebook(
    slug: str,
    *,
    p: Annotated[
        list[tuple[str, str]] | None, Parameter(name="-p", negative="", json_list=False)
    ] = None,
    to: Path | None = None,
) -> None:
    """Execute a notebook with parameters, training what is missing.

    Parameters
    ----------
    slug
        A notebook's name, such as 02_shuffled_labels.
    p
        A parameter's name and value, such as `-p epochs 5` or `-p radii "[4, 8]"`; repeatable.
    to
        Where to write the executed notebook; book/sections/SLUG.ipynb unless given.
    """
    from fhelpers import notebooks

    given = {name: notebooks.parse(text) for name, text in p or []}
    destination = to or notebooks.SOURCES.parent / "book" / "sections" / f"{slug}.ipynb"
    print(notebooks.execute(slug, given, destination))


@app.command(name="data")
def fetch_data(*names: str) -> None:
    """Fetch data sets by name, or say that they are there.

    Parameters
    ----------
    names
        Such as cifar10, mnist or fashion-mnist.
    """
    from fhelpers import data

    if not names:
        raise ValueError(f"name one or more data sets: {', '.join(data.NAMES)}")
    for name in names:
        data.fetch(name)
        print(f"{name}: there and verified")


def main() -> None:
    """Run the command line; wrong input ends with one sentence and status 2."""
    try:
        app(exit_on_error=False, print_error=False)
    except (ValueError, ArithmeticError, OSError, RuntimeError, cyclopts.CycloptsError) as error:
        text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        print(f"fhelpers: {' '.join(text.split())}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("fhelpers: stopped; finished epochs are kept", file=sys.stderr)
        sys.exit(130)
