"""The claims' rules with the date on which they were fixed.

python tests/golden/rules.py --write     keep today's rules, under today's date
"""

import datetime
import json
import sys
from pathlib import Path

from fhelpers import sections

FILE = Path(__file__).with_name("rules.json")


def present() -> dict:
    """What each claim says, measures and asks."""
    return {
        id: {"text": claim.text, "measure": claim.measure, "rule": claim.rule}
        for id, claim in sections.all_claims().items()
    }


if __name__ == "__main__" and "--write" in sys.argv:
    kept = {"fixed": datetime.date.today().isoformat(), "rules": present()}
    FILE.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", "utf-8")
