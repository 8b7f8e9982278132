"""Commands that hand themselves over to a fork of a process that has imported everything."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
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
os.execv("/bin/sleep", ["sleep", "3600"])
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
        try:
            assert process.stdout.readline() == "started\n"
            yield process
        finally:
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
    found = set()
    for each in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed since it was listed
            found.add(os.readlink(each))
    return {each for each in found if each.startswith("socket:")}


def wait_until(true, seconds=120):
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


def test_an_interrupted_command_waits_for_its_fork_to_end(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path(".snakemake").mkdir()
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(".snakemake/door")
        door.listen()
        door.settimeout(120)
        process = command(tmp_path, "notebook", "nowhere")
        caller, _ = door.accept()
    with caller:
        _, streams, _, _ = socket.recv_fds(caller, 1, 3)
        for each in streams:
            os.close(each)
        with caller.makefile() as lines:
            arguments, folder, _ = json.loads(lines.readline())
        assert (arguments, folder) == (["notebook", "nowhere"], str(tmp_path))
        caller.settimeout(120)
        process.send_signal(signal.SIGINT)
        assert caller.recv(1) == b""  # it says that it was interrupted, and waits
        assert process.poll() is None
        caller.sendall(bytes([77]))
    process.communicate()
    assert process.returncode == 77


def test_a_fork_ends_whose_command_was_interrupted_before_it_began(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    asked = ["notebook", "01_decomposition", "--to", str(tmp_path / "page.ipynb")]
    called = asked, str(tmp_path), {**os.environ, forks.DOOR: ""}
    with workflow_in(tmp_path), socket.socket(socket.AF_UNIX) as caller:
        caller.settimeout(120)
        caller.connect(".snakemake/door")
        socket.send_fds(caller, [b"\0"], range(3))
        caller.sendall(json.dumps(called).encode() + b"\n")
        caller.shutdown(socket.SHUT_WR)  # while the process imports what pages need
        assert caller.recv(1) == bytes([128 + signal.SIGTERM])


def test_a_caller_that_breaks_off_disturbs_nobody(workflow, monkeypatch):
    folder, process = workflow
    monkeypatch.chdir(folder)
    with socket.socket(socket.AF_UNIX) as door:
        door.connect(".snakemake/door")
    caller = command(folder, "notebook", "01_decomposition")
    (server,) = children(process.pid)
    wait_until(lambda: children(server))
    caller.kill()
    caller.communicate()
    wait_until(lambda: not children(server))


def test_forks_keep_no_sockets_open(workflow):
    folder, process = workflow
    callers = [command(folder, "notebook", "01_decomposition") for _ in range(2)]
    (server,) = children(process.pid)
    wait_until(lambda: len(children(server)) == 2)
    pair = children(server)
    wait_until(lambda: not any(sockets(each) & sockets(server) for each in pair))
    assert children(server) == pair
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
