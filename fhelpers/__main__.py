"""`python -m fhelpers` is the command `fhelpers`."""

from fhelpers.cli import main

main()
