"""Wrong science turns the reference notebooks red: one mutant a day here, all of them weekly."""

from collections import Counter
from datetime import date

import mutants
import smoke

from fhelpers.pages import notebooks


def test_every_page_has_two_mutants_or_more():
    count = Counter(mutant.page for mutant in mutants.MUTANTS)
    assert set(count) == set(notebooks.slugs())
    assert min(count.values()) >= 2


def test_every_mutant_is_an_edit_that_can_be_made_and_compiles():
    for mutant in mutants.MUTANTS:
        text = mutant.edited(mutants.ROOT)
        compile(text, mutant.module, "exec")


def test_the_mutant_of_the_day_turns_its_page_red():
    mutant = mutants.MUTANTS[date.today().toordinal() % len(mutants.MUTANTS)]
    smoke.carry_out(references=[mutant.page], others=())
    with mutants.workplace() as folder:
        assert mutants.try_out(mutant, folder), f"{mutant.page} does not notice: {mutant.what}"
