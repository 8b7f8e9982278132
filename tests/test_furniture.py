"""What stands around the pages: buttons with a public address, the PDF, workflows, the citation."""

import json
import os
import re
import shutil
import subprocess
import sys
from urllib.parse import parse_qs, urlsplit

import nbformat
import pytest
import yaml
from browsing import ROOT, build, project

from fhelpers.pages import pdf

ADDRESS = "https://github.com/someone/somewhere"
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
SLUG = "06_batchnorm"


@pytest.fixture(scope="module")
def public_pages(tmp_path_factory):
    """A book of an introduction and one section, built with a public address."""
    folder = tmp_path_factory.mktemp("public")
    project(folder, [ROOT / "tests" / "reference" / f"{SLUG}.ipynb"])
    settings = yaml.safe_load((folder / "_config.yml").read_text())
    assert settings["repository"]["url"] == "" or settings["repository"]["url"].count("/") == 4
    settings["repository"]["url"] = ADDRESS
    (folder / "_config.yml").write_text(yaml.safe_dump(settings))
    (folder / "book" / "intro.md").write_text("# A book\n\nWith few pages.\n")
    toc = f"format: jb-book\nroot: book/intro\nchapters:\n- file: book/sections/{SLUG}\n"
    (folder / "_toc.yml").write_text(toc)
    build(folder)  # references to the pages that are left out are warnings
    return folder / "_build" / "html" / "book"


def foreign_links(page):
    """{text of a link to another server: its address} of one page's buttons."""
    found = re.findall(r'<a href="(https://[^"]+)" target="_blank".*?</a>', page, re.DOTALL)
    return {urlsplit(address).path + "?" + urlsplit(address).query: address for address in found}


def in_the_repository(address):
    """The path of a file in the repository that a public address names, or None."""
    parts = urlsplit(address)
    if parts.netloc == "mybinder.org":
        assert parts.path == "/v2/gh/someone/somewhere/main"
        return parse_qs(parts.query)["urlpath"][0].removeprefix("lab/tree/")
    named = re.fullmatch(r"(?:/github)?/someone/somewhere/(?:edit|blob)/main/(.+)", parts.path)
    return named and named[1]


@pytest.mark.parametrize(
    ("page", "files"),
    [
        ("intro", {"book/intro.md"}),
        (f"sections/{SLUG}", {f"notebooks/{SLUG}.py", "notebooks/launch.ipynb"}),
    ],
)
def test_with_an_address_the_buttons_point_at_files_that_exist(public_pages, page, files):
    links = foreign_links((public_pages / f"{page}.html").read_text("utf-8")).values()
    named = {in_the_repository(address) for address in links} - {None}
    assert named == files
    assert all((ROOT / name).is_file() for name in named)
    assert ADDRESS in links
    assert any(address.startswith(f"{ADDRESS}/issues/new") for address in links)


def test_without_an_address_there_are_no_such_buttons(pages):
    if yaml.safe_load((ROOT / "_config.yml").read_text())["repository"]["url"]:
        pytest.skip("this book has a public address")
    for file in (pages / "book").rglob("*.html"):
        text = file.read_text("utf-8")
        assert "mybinder.org" not in text
        assert "colab.research" not in text
        assert "/issues/new" not in text


def test_an_address_elsewhere_is_refused_in_a_sentence(tmp_path):
    project(tmp_path, [])
    settings = (tmp_path / "_config.yml").read_text()
    elsewhere = settings.replace('url: ""', 'url: "https://gitlab.com/a/b"')
    (tmp_path / "_config.yml").write_text(elsewhere)
    (tmp_path / "_toc.yml").write_text("format: jb-book\nroot: book/glossary\n")
    status, printed = build(tmp_path)
    assert status != 0
    assert "must be one of github.com" in printed


def test_the_launcher_is_a_notebook_that_can_run_any_section():
    notebook = nbformat.read(ROOT / "notebooks" / "launch.ipynb", as_version=4)
    nbformat.validate(notebook)
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    for source in code:
        compile(source, "launch.ipynb", "exec")
    given = dict(re.findall(r'^(\w+) = "([^"]*)"', code[0], re.MULTILINE))
    address = yaml.safe_load((ROOT / "_config.yml").read_text())["repository"]["url"]
    assert given["repository"] == address
    assert (ROOT / "notebooks" / f"{given['section']}.py").is_file()


def test_icons_are_few_and_drawn_once(pages, server, page):
    script = pages / "_static" / "scripts" / "fontawesome.js"
    assert script.stat().st_size < 50_000
    page.goto(server + "book/intro.html")
    signs = page.locator("i[class*='fa-']:visible, span.fa-solid:visible")
    assert signs.count() > 3
    for sign in signs.all():
        assert sign.locator("svg").count() == 1, sign.evaluate("each => each.outerHTML")


def test_the_whole_book_becomes_one_pdf(pages, tmp_path):
    if not shutil.which("chromium") and not shutil.which("google-chrome"):
        pytest.skip("there is no browser to print with")
    copy = tmp_path / "html"
    shutil.copytree(pages, copy, ignore=shutil.ignore_patterns("*.map"))
    # A process of its own, because this one drives a browser already.
    command = [sys.executable, "-m", "fhelpers", "pdf", str(copy)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    file = copy / pdf.NAME
    listed = re.findall(r"(?:root|file): (\S+)", (ROOT / "_toc.yml").read_text("utf-8"))
    assert [str(each.relative_to(copy)) for each in pdf.order(copy)] == [
        f"{name}.html" for name in listed
    ]
    content = file.read_bytes()
    sheets = len(re.findall(rb"/Type\s*/Page\b", content))
    print(f"{sheets} sheets, {len(content) / 1e6:.1f} MB")
    assert content.startswith(b"%PDF")
    assert len(content) < 20_000_000
    assert sheets > 10
    assert b"/Outlines" in content
    about = (copy / "book" / "about.html").read_text("utf-8")
    assert f'href="../{file.name}"' in about
    assert not (copy / ".whole.html").exists()


def test_a_pdf_of_nothing_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="run make book first"):
        pdf.write(tmp_path)


def test_a_browser_that_cannot_start_is_told_in_a_sentence(tmp_path):
    (tmp_path / pdf.OPENING).parent.mkdir(parents=True)
    (tmp_path / pdf.OPENING).write_text("<p>")
    browser = tmp_path / "chromium"
    browser.write_text("#!/bin/sh\necho install the snap >&2; exit 1\n")
    browser.chmod(0o755)
    command = [sys.executable, "-m", "fhelpers", "pdf", str(tmp_path)]  # no other loop runs there
    env = os.environ | {"PATH": str(tmp_path)}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 2
    assert done.stderr.startswith(f"fhelpers: {browser} could not print the book: ")
    assert done.stderr.count("\n") == 1
    assert "asyncio" not in done.stderr


# Publishing --------------------------------------------------------------------------------------


def schema_check(schema, *files):
    command = [
        sys.executable,
        "-m",
        "check_jsonschema",
        "--builtin-schema",
        schema,
        *map(str, files),
    ]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_workflows_and_citation_are_valid(tmp_path):
    done = schema_check("vendor.github-workflows", *WORKFLOWS)
    assert done.returncode == 0, done.stdout
    done = schema_check("vendor.citation-file-format", ROOT / "CITATION.cff")
    assert done.returncode == 0, done.stdout
    broken = tmp_path / "broken.yml"
    broken.write_text(WORKFLOWS[0].read_text().replace("runs-on", "run-on"))
    assert schema_check("vendor.github-workflows", broken).returncode != 0


def steps(name):
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / name).read_text())
    return [step for job in workflow["jobs"].values() for step in job["steps"]], workflow


def test_the_workflow_runs_what_ci_runs_and_publishes_the_same_pages():
    listed, workflow = steps("ci.yml")
    assert "bash .ci/run" in [step.get("run") for step in listed]
    uploads = [step["with"]["path"] for step in listed if "upload-pages" in step.get("uses", "")]
    assert uploads == ["_build/html"]
    assert workflow["jobs"]["publish"]["needs"] == "check"
    assert "refs/heads/main" in workflow["jobs"]["publish"]["if"]


def targets():
    """The targets of the Makefile."""
    return set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_commands_of_the_workflows_exist(workflow):
    listed, _ = steps(workflow.name)
    commands = [line for step in listed for line in step.get("run", "").splitlines()]
    assert commands
    for command in commands:
        words = command.split()
        if words[0] == "make":
            assert words[1] in targets()
        else:
            programs = ("pytest", "python", "fhelpers")
            assert words[0] in ("bash", "sudo", *(f".venv/bin/{name}" for name in programs))
        named = [word for word in words if word.endswith((".py", ".sh", "/run"))]
        assert all((ROOT / word).exists() for word in named)
    for step in listed:  # actions are pinned to a version
        assert re.fullmatch(r"[\w-]+/[\w-]+@v\d+", step.get("uses", "a/b@v1"))


def test_the_weekly_run_takes_the_newest_versions_at_smoke_scale():
    listed, workflow = steps("weekly.yml")
    assert "cron" in json.dumps(workflow[True])  # YAML reads the key `on` as true
    commands = [step["run"] for step in listed if "run" in step]
    assert commands[:2] == ["make newest", "make book SCALE=smoke DATASET=planted"]
    recipe = (ROOT / "Makefile").read_text().split("\nnewest:", 1)[1].split("\n\n")[0]
    assert "requirements.lock" not in recipe


def test_every_reference_can_be_found_by_a_doi_or_an_address():
    text = (ROOT / "book" / "references.bib").read_text("utf-8")
    entries = re.findall(r"@\w+\{(\w+),\n(.*?)\n\}", text, re.DOTALL)
    assert len(entries) == len(re.findall(r"^@", text, re.MULTILINE)) > 30
    found = {
        key: re.search(
            r"^ +(?:doi += \{10\.\d{4,}/\S+\}|url += \{https://\S+\}),", body, re.MULTILINE
        )
        for key, body in entries
    }
    assert [key for key, match in found.items() if not match] == []
