"""A small part of the kill campaign, another one every day; the weekly workflow runs all of it."""

import datetime

import kill_campaign


def test_what_is_killed_goes_on_and_ends_equal(capsys):
    today = datetime.date.today().toordinal()
    what = ("run", "fetch")[today % 2]
    assert kill_campaign.main([what, "--kills", "1", "--seed", str(today)]) == 0
    assert f"{what}: 1 of 1 equal, nothing left behind" in capsys.readouterr().out
