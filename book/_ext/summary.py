"""Sphinx extension: the directive `summary`, which states every verdict of the book in a line.

The verdicts are those of claims.json in the archive of records, which the workflow writes before
the pages: no number of the summary is typed by hand.
"""

import json
import zipfile
from pathlib import Path

from sphinx.util.docutils import SphinxDirective

ARCHIVE = Path("_build", "records.zip")
HEADS = {
    "reproduced": "Held",
    "weaker": "Weaker than claimed",
    "not reproduced": "Not reproduced",
    "undecided": "Undecided",
    "not computed": "Not computed",
}


def verdicts(file):
    """The rows of claims.json in an archive, none where there is no archive yet."""
    if not file.is_file():
        return []
    with zipfile.ZipFile(file) as archive:
        return json.loads(archive.read("claims.json"))


def line(row, alone=()):
    """A claim in words with its effect, as an item of a Markdown list.

    alone: ids of claims behind which to say what their interval is over.
    """
    short, link = row["short"], f"[{row['id']}](sections/{row['section']}.ipynb)"
    said = f"- {short[0].upper()}{short[1:]} ({link})"
    if row.get("text") and not row["identity"]:
        side = "below" if row["ceiling"] else "above"
        said += f": {row['effect']} {row['text']}, has to lie {side} {row['margin']:g}"
        said += f" ({row['sample']})" if row["id"] in alone else ""
    return f"{said}."


def composed(rows):
    """The summary as Markdown: how many claims held, then all of them by verdict."""
    judged = [row for row in rows if not row["identity"]]
    if not judged:
        return "This book was built without records, so there are no verdicts to sum up."
    groups = {
        head: [row for row in judged if row["verdict"] == word] for word, head in HEADS.items()
    }
    counts = ", ".join(f"{len(own)} {head.lower()}" for head, own in groups.items() if own)
    measured = [row for row in judged if row.get("sample")]
    alone = [row["id"] for row in measured if "seeds" not in row["sample"]]
    said = "over images of one training" if alone else "over seeds"
    if 0 < len(alone) < len(measured):
        said = f"over seeds for {len(measured) - len(alone)} of them; the other {len(alone)} rest "
        said += "on one training, and each of these names the sample of its interval"
    else:
        alone = []
    parts = [
        f"At the scale `{rows[0]['scale']}`, of {len(judged)} claims: {counts}. Square brackets "
        f"give 95 % intervals, joint over all effects of a claim, {said}."
    ]
    for head, own in groups.items():
        if own:
            parts += [f"**{head} ({len(own)})**", "\n".join(line(row, alone) for row in own)]
    if identities := [row for row in rows if row["identity"]]:
        parts += ["**True by construction**", "\n".join(map(line, identities))]
    return "\n\n".join(parts)


class Summary(SphinxDirective):
    """Put the summary where the directive stands."""

    def run(self):
        """The nodes of the composed Markdown."""
        file = Path(self.env.srcdir, ARCHIVE)
        self.env.note_dependency(str(file))
        return self.parse_text_to_nodes(composed(verdicts(file)))


def setup(app):
    """Register the directive."""
    app.add_directive("summary", Summary)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
