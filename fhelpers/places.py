"""Where data and runs are kept unless the user says otherwise."""

from pathlib import Path


def home() -> Path:
    """The checkout that this package is part of, else the current folder.

    A notebook opened by hand runs in notebooks/, a test in tests/: all share one data/ and one
    results/.
    """
    checkout = Path(__file__).parent.parent
    return checkout if (checkout / "Snakefile").exists() else Path.cwd()
