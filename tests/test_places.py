"""`fhelpers.places`: where files are kept, and that they are whole or absent."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fhelpers import places
from fhelpers.runs import records


@pytest.mark.parametrize("given", ["~/kept", "kept", "./kept"])
def test_the_environment_is_read_once_from_where_the_user_stands(tmp_path, given):
    code = (
        "import os; from fhelpers import places; os.chdir('/');"
        "print(*(os.environ[name] for name in places.SETTINGS))"
    )
    own = dict.fromkeys(places.SETTINGS, given)
    environment = os.environ | own | {"HOME": str(tmp_path)}
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True
    ).stdout
    assert said.split() == [str(tmp_path / "kept")] * 3


def test_a_current_folder_that_was_removed_is_one_sentence(tmp_path, monkeypatch):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(FileNotFoundError, match="the current folder was removed: go to another"):
        places.absolute("kept")
    environment = os.environ | {"FHELPERS_RESULTS": "kept"}
    command = [sys.executable, "-c", "from fhelpers import places"]
    assert subprocess.run(command, env=environment, check=False).returncode == 0


def test_a_relative_store_is_one_absolute_place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FHELPERS_RESULTS", "kept")
    assert records.root() == tmp_path / "kept"


@pytest.mark.parametrize(
    ("path", "folder", "says"),
    [
        ("file", True, "file is no folder: name another one"),
        ("folder", False, "folder is no file: name another one"),
        ("link", False, "link is no file: name another one"),
        ("file/new", False, "file is no folder, so .*file/new cannot be written"),
        ("file/new/er", True, "file is no folder, so .*file/new/er cannot be written"),
        ("/dev/full", False, "/dev/full is no file: name another one"),
        ("x" * 250, False, "cannot be written: File name too long"),  # with what a half one adds
        ("x" * 300, True, "cannot be written: File name too long"),
        ("loop", True, "loop is no folder: name another one"),
    ],
)
def test_a_place_that_cannot_be_written_is_refused_before_the_work(tmp_path, path, folder, says):
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(ValueError, match=says):
        places.writable(tmp_path / path, folder=folder)


def test_a_place_that_can_be_written_becomes_absolute_and_is_left_as_it_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert places.writable(Path("new/er.json")) == tmp_path / "new" / "er.json"
    assert places.writable(Path("new"), folder=True) == tmp_path / "new"
    assert not list(tmp_path.iterdir())
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(ValueError, match=f"{tmp_path} may not be written to"):
        places.writable(Path("new"))


def test_a_file_is_replaced_as_a_whole_or_not_at_all(tmp_path):
    path = tmp_path / "kept [1].json"
    path.write_text("before")

    def interrupted():
        with places.replacing(path) as file:
            file.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [each.name for each in tmp_path.iterdir()] == [path.name]
    assert path.read_text() == "before"
    with places.replacing(path) as file:
        file.write_text("after")
    assert [each.name for each in tmp_path.iterdir()] == [path.name]
    assert path.read_text() == "after"


def test_what_a_killed_process_left_of_a_file_is_removed(tmp_path):
    path, dead = tmp_path / "page.ipynb", subprocess.Popen(["true"])
    dead.wait()
    with places.replacing(path) as file:
        alive = file.with_name(file.name.replace(str(os.getpid()), str(os.getppid())))
        file.touch()
    for pid in (dead.pid, os.getppid()):
        file.with_name(file.name.replace(str(os.getpid()), str(pid))).touch()
    other = tmp_path / f".page.ipynb.elsewhere.{dead.pid}"
    other.touch()
    with places.replacing(path) as file:
        file.touch()
    assert sorted(tmp_path.iterdir()) == sorted([alive, other, path])


def test_a_full_disk_names_the_file(tmp_path):
    with (
        pytest.raises(OSError, match=r"page\.ipynb cannot be written: No space left") as caught,
        places.replacing(tmp_path / "page.ipynb"),
    ):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert caught.value.errno == errno.ENOSPC
