"""Commands that hand themselves over to a fork of a process that has imported everything."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import nbformat
import psutil
import pytest
import smoke

from fhelpers.pages import forks

FOUND = {"PYTHONPATH": str(Path(__file__).parent.parent)}  # fhelpers, from any folder

# A workflow that starts the process, then becomes another program.
WORKFLOW = """
import os, sys
from pathlib import Path
from fhelpers.pages import forks
os.chdir(sys.argv[1])
Path(".snakemake").mkdir()
forks.start(closed=os.open(os.devnull, os.O_RDONLY))
print("started", flush=True)
os.execv("/bin/sleep", ["sleep", "600"])
"""
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="pages are forked on Linux only")


@pytest.fixture(scope="module")
def workflow(tmp_path_factory):
    """A folder with such a process; its workflow stands in for Snakemake."""
    folder = tmp_path_factory.mktemp("workflow")
    with workflow_in(folder) as process:
        yield folder, process


@contextmanager
def workflow_in(folder):
    command, env = [sys.executable, "-c", WORKFLOW, str(folder)], {**os.environ, **FOUND}
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "started\n"
        yield process
        process.kill()


def command(folder, *arguments, door=".snakemake/door", **more):
    env = {**os.environ, **FOUND, forks.DOOR: door}
    return subprocess.Popen(
        [sys.executable, "-m", "fhelpers", *arguments],
        cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more,
    )  # fmt: skip


def children(pid):
    """The processes that one has started."""
    return [each.pid for each in psutil.Process(pid).children()]


def sockets(pid):
    """Those that a process has open."""
    found = (os.readlink(each) for each in Path(f"/proc/{pid}/fd").iterdir())
    return {each for each in found if each.startswith("socket:")}


def wait_until(true, seconds=30):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


@pytest.mark.parametrize("door", [".snakemake/door", ".snakemake/none"])
def test_a_command_ends_alike_in_a_fork_and_by_itself(workflow, door):
    process = command(workflow[0], "notebook", "nowhere", door=door)
    printed, complained = process.communicate()
    assert (process.returncode, printed) == (2, ""), complained
    assert "nowhere" in complained
    assert complained.startswith("fhelpers: ")
    assert complained.count("\n") == 1


def test_a_fork_executes_a_page_in_the_folder_that_asked(workflow, tmp_path):
    folder, process = workflow
    slug, asked = "17_single_image_masks", []
    for name, value in smoke.reference_parameters(slug).items():
        asked += ["-p", name, value if isinstance(value, str) else json.dumps(value)]
    os.symlink(folder / ".snakemake", tmp_path / ".snakemake")
    caller = command(tmp_path, "notebook", slug, *asked, "--to", "page.ipynb")
    (server,) = children(process.pid)
    wait_until(lambda: children(server))
    _, complained = caller.communicate()
    assert caller.returncode == 0, complained
    assert nbformat.read(tmp_path / "page.ipynb", 4).cells
    assert children(server) == []


def test_a_fork_ends_with_the_command_that_asked(workflow):
    folder, process = workflow
    caller = command(folder, "notebook", "01_decomposition")
    (server,) = children(process.pid)
    wait_until(lambda: children(server))
    caller.kill()
    caller.wait()
    wait_until(lambda: not children(server))


def test_a_command_tells_of_a_fork_that_was_killed(workflow):
    folder, process = workflow
    caller = command(folder, "notebook", "01_decomposition")
    (server,) = children(process.pid)
    wait_until(lambda: children(server))
    os.kill(children(server)[0], signal.SIGKILL)
    caller.communicate()
    assert caller.returncode == 128 + signal.SIGKILL


def test_an_interruption_while_the_process_imports_ends_the_page(tmp_path):
    with workflow_in(tmp_path) as process:
        caller = command(tmp_path, "notebook", "01_decomposition")
        (server,) = children(process.pid)
        wait_until(lambda: sockets(caller.pid))
        time.sleep(0.1)  # it has asked, and there is no fork yet
        assert not children(server)
        caller.send_signal(signal.SIGINT)
        caller.communicate(timeout=60)
        assert caller.returncode == 128 + signal.SIGTERM
        wait_until(lambda: not children(server))


def test_a_caller_that_breaks_off_disturbs_nobody(workflow, monkeypatch):
    folder, process = workflow
    monkeypatch.chdir(folder)
    with socket.socket(socket.AF_UNIX) as door:
        door.connect(".snakemake/door")
    caller = command(folder, "notebook", "nowhere")
    (server,) = children(process.pid)
    wait_until(lambda: children(server))
    caller.communicate()
    assert caller.returncode == 2


def test_forks_keep_no_sockets_open(workflow):
    folder, process = workflow
    callers = [command(folder, "notebook", "01_decomposition") for _ in range(2)]
    (server,) = children(process.pid)
    wait_until(lambda: len(children(server)) == 2)
    time.sleep(0.2)
    for fork in children(server):
        assert not sockets(fork) & sockets(server)
    for caller in callers:
        caller.kill()
        caller.communicate()
    wait_until(lambda: not children(server))


def test_commands_go_on_by_themselves_once_the_code_has_changed(workflow, monkeypatch):
    folder, _ = workflow
    monkeypatch.chdir(folder)
    monkeypatch.setenv(forks.DOOR, ".snakemake/door")
    monkeypatch.setattr(sys, "argv", ["fhelpers", "notebook", "nowhere"])
    (folder / "code").mkdir()
    changed = folder / "code" / "new.py"
    changed.touch()
    monkeypatch.setattr(forks, "CODE", changed.parent)
    assert forks.hand_over() is None
    os.utime(changed, (0, 0))
    assert forks.hand_over() == 2


def test_all_ends_with_the_workflow(workflow):
    folder, process = workflow
    caller = command(folder, "notebook", "01_decomposition")
    (server,) = children(process.pid)
    wait_until(lambda: children(server))
    (fork,) = children(server)
    process.kill()
    wait_until(lambda: not os.path.exists(f"/proc/{fork}"))
    caller.communicate()  # it ends too, and does not begin the page by itself
    assert caller.returncode == 128 + signal.SIGTERM
