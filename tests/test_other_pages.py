"""Every notebook with parameters that are not its defaults."""

import pytest
import smoke

from fhelpers import sections
from fhelpers.pages import notebooks


@pytest.mark.parametrize("slug", notebooks.slugs())
def test_other_parameters_give_other_pages(other_pages, slug):
    text = other_pages[slug].read_text()
    assert "Provenance" in text
    assert "fhelpers verify " in text
    seeds = smoke.other_parameters(slug)["seeds"]
    assert f'\\"seeds\\": {seeds}' in text or f"&quot;seeds&quot;: {seeds}" in text


@pytest.mark.parametrize("slug", notebooks.slugs())
def test_every_parameter_has_another_value(slug):
    known, other = notebooks.defaults(slug), smoke.other_parameters(slug)
    same = {name for name in known if known[name] == other.get(name, known[name])}
    assert all(known[name] == "" for name in same - {"seeds"})  # folders and files of one's own
    assert "seeds" not in same or slug == sections.SCORECARD


def test_some_pages_have_several_seeds():
    assert sum(len(smoke.other_parameters(slug)["seeds"]) > 1 for slug in notebooks.slugs()) >= 3
