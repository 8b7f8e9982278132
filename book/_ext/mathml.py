"""Sphinx extension: formulas become MathML while the book is built, which browsers draw unaided.

`sphinxcontrib.katex` brings KaTeX and the places where formulas go. Its own way of calling KaTeX is
replaced here, because it cannot be told to write MathML, and because on a busy machine it fails now
and then: it connects to its node process before that listens. A pipe has no such moment, and node
ends with it.
"""

import json
import subprocess
from functools import cache
from pathlib import Path

from sphinxcontrib import katex

NODE = """
const katex = require(process.argv[1]);
require("readline").createInterface({input: process.stdin}).on("line", line => {
  const [latex, options] = JSON.parse(line);
  let answer;
  try { answer = {html: katex.renderToString(latex, options)}; }
  catch (error) { answer = {error: error.message}; }
  console.log(JSON.stringify(answer));
});
"""


@cache
def node():
    """The running node process."""
    script = Path(katex.__file__).with_name("katex.min.js")
    return subprocess.Popen(
        ["node", "-e", NODE, str(script)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )


def render(latex, options=None):
    """One formula as MathML. One that KaTeX does not understand stops the build."""
    options = {**(options or {}), "output": "mathml", "throwOnError": True}
    print(json.dumps([latex, options]), file=node().stdin, flush=True)
    answer = json.loads(node().stdout.readline())
    if "error" in answer:
        raise katex.KaTeXError(f"{answer['error']} in the formula {latex}")
    return answer["html"]


def setup(app):
    """Put `render` in the place of the function that `sphinxcontrib.katex` draws with."""
    katex.render_latex = render
    return {"parallel_read_safe": True, "parallel_write_safe": False}
