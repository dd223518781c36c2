"""Downloads against a server on this machine: checked, whole or not at all."""

import hashlib
import http.server
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from ngjax.data import fetch
from ngjax.data.entry import Entry, File
from ngjax.data.fetch import locate
from ngjax.types import UserError

CONTENT = bytes(range(256)) * 4096  # 1 MiB
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/missing":
            return self.send_error(404)
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        if self.path == "/whole":
            self.wfile.write(CONTENT)
        elif self.path == "/cut":
            self.wfile.write(CONTENT[: len(CONTENT) // 2])
        elif self.path == "/other":
            self.wfile.write(CONTENT[::-1])
        elif self.path == "/stalled":
            self.wfile.write(CONTENT[: len(CONTENT) // 2])
            self.wfile.flush()
            self.server.released.wait(20)
        return None

    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="module")
def address():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.released = threading.Event()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.released.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def direct(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def some_entry(*urls: str, name: str = "some_set", **more) -> Entry:
    files = (File("data.bin", SHA256, len(CONTENT), urls),)
    home = "http://home.example"
    return Entry(name, "Some set", "table", lambda f, s: None, home, "", **{"files": files} | more)


def left(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def test_download_then_found(tmp_path, address, capsys):
    files = locate(some_entry(f"{address}/whole"), str(tmp_path))
    assert files == {"data.bin": tmp_path / "some_set" / "data.bin"}
    assert files["data.bin"].read_bytes() == CONTENT
    assert left(tmp_path) == ["some_set/data.bin"]
    assert f"downloading {address}/whole" in capsys.readouterr().err
    assert locate(some_entry("http://127.0.0.1:9/none"), str(tmp_path)) == files


def test_second_address_after_a_bad_first(tmp_path, address):
    entry = some_entry(f"{address}/missing", f"{address}/other", f"{address}/whole")
    assert locate(entry, str(tmp_path))["data.bin"].read_bytes() == CONTENT
    assert left(tmp_path) == ["some_set/data.bin"]


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/missing", "404"),
        ("/cut", "524288 bytes came"),
        ("/other", "1048576 bytes came, with sha256 [0-9a-f]{12}"),
    ],
)
def test_failed_download_leaves_nothing(tmp_path, address, path, reason):
    with pytest.raises(UserError, match=reason) as caught:
        locate(some_entry(address + path), str(tmp_path))
    line = str(caught.value)
    assert "\n" not in line
    assert address + path in line
    assert str(tmp_path / "some_set" / "data.bin") in line
    assert left(tmp_path) == []


def test_more_than_expected_is_not_read_to_its_end(tmp_path, address):
    file = File("data.bin", SHA256, 1000, (f"{address}/whole",))
    with pytest.raises(UserError, match="more than the 1000 bytes expected"):
        locate(some_entry(files=(file,)), str(tmp_path))
    assert left(tmp_path) == []


def test_no_network_makes_not_even_a_folder(tmp_path):
    with pytest.raises(UserError, match=r"127\.0\.0\.1:9/none .*get it by hand and put it there"):
        locate(some_entry("http://127.0.0.1:9/none"), str(tmp_path / "data"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_interrupted_download_leaves_nothing_usable(tmp_path, address, number):
    program = (
        "import sys; from ngjax.data.entry import File; from ngjax.data.fetch import download; "
        "from pathlib import Path; "
        f"download(sys.argv[1], File('data.bin', {SHA256!r}, {len(CONTENT)}), Path(sys.argv[2]))"
    )
    target = tmp_path / "some_set" / "data.bin"
    command = [sys.executable, "-c", program, f"{address}/stalled", str(target)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    with subprocess.Popen(command, stderr=subprocess.PIPE, env=environment) as process:
        deadline = time.monotonic() + 60
        while not left(tmp_path) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert left(tmp_path)  # it was under way
        process.send_signal(number)
        process.communicate()
    assert process.returncode != 0
    assert not target.exists()
    assert all(name.endswith(".part") for name in left(tmp_path))
    assert locate(some_entry(f"{address}/whole"), str(tmp_path))["data.bin"].read_bytes() == CONTENT


def test_what_a_killed_download_left_is_swept_away(tmp_path, address):
    folder = tmp_path / "some_set"
    folder.mkdir()
    for name, age in ((".data.bin.old.part", 3600), (".data.bin.live.part", 5), ("my.part", 3600)):
        (folder / name).write_bytes(b"half")
        os.utime(folder / name, (time.time() - age,) * 2)
    locate(some_entry(f"{address}/whole"), str(tmp_path))
    assert sorted(p.name for p in folder.iterdir()) == [
        ".data.bin.live.part",
        "data.bin",
        "my.part",
    ]


def test_wrong_checksum(tmp_path):
    path = tmp_path / "some_set" / "data.bin"
    path.parent.mkdir()
    path.write_bytes(b"other")
    started = hashlib.sha256(b"other").hexdigest()[:12]
    with pytest.raises(
        UserError, match=f"is {started}.*, expected {SHA256[:12]}.*delete"
    ) as caught:
        locate(some_entry(), str(tmp_path))
    assert str(path) in str(caught.value)


def test_a_folder_in_the_place_of_a_file(tmp_path):
    (tmp_path / "some_set" / "data.bin").mkdir(parents=True)
    with pytest.raises(UserError, match=r"data\.bin: cannot be read"):
        locate(some_entry(), str(tmp_path))


def test_no_address(tmp_path):
    with pytest.raises(UserError, match=r"data\.bin: missing.*see http://home\.example"):
        locate(some_entry(), str(tmp_path))


@pytest.mark.parametrize("folder", ["some_set", "some-set"])
def test_hyphen_and_underscore_are_the_same(tmp_path, folder):
    (tmp_path / folder).mkdir()
    (tmp_path / folder / "data.bin").write_bytes(CONTENT)
    assert locate(some_entry(), str(tmp_path))["data.bin"] == tmp_path / folder / "data.bin"


def test_files_that_hold_the_same(tmp_path):
    instead = (File("inner/a", SHA256), File("inner/b", SHA256))
    entry = some_entry("http://127.0.0.1:9/none", instead=instead)
    inner = tmp_path / "some_set" / "inner"
    inner.mkdir(parents=True)
    (inner / "a").write_bytes(CONTENT)
    with pytest.raises(UserError, match=r"inner/b: cannot be read \(No such file"):
        locate(entry, str(tmp_path))
    (inner / "b").write_bytes(CONTENT)
    assert locate(entry, str(tmp_path)) == {"inner/a": inner / "a", "inner/b": inner / "b"}


def test_refused_is_said_before_a_download(tmp_path, address):
    (tmp_path / "some_set").mkdir()
    (tmp_path / "some_set" / "pickled").write_bytes(b"")
    entry = some_entry(f"{address}/whole", refused={"pickled": "is a pickle"})
    with pytest.raises(UserError, match="some_set/pickled: is a pickle"):
        locate(entry, str(tmp_path))


def test_sets_without_files(tmp_path):
    assert locate(some_entry(files=(), embedded=True), "") == {}
    tree = some_entry(files=())
    with pytest.raises(
        UserError, match=r"some_set: no such folder; put there http://home\.example"
    ):
        locate(tree, str(tmp_path))
    (tmp_path / "some-set").mkdir()
    assert locate(tree, str(tmp_path)) == {"": tmp_path / "some-set"}


def test_own_folder(tmp_path):
    own = some_entry(files=(), own=True)
    assert locate(own, str(tmp_path)) == {"": tmp_path}
    with pytest.raises(UserError, match=r"--data\.name=some_set: needs --data_dir"):
        locate(own, "")


@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {"XDG_CACHE_HOME": "/c"}, Path("/c/ngjax")),
        ("linux", {}, Path.home() / ".cache/ngjax"),
        ("darwin", {"XDG_CACHE_HOME": "/c"}, Path.home() / "Library/Caches/ngjax"),
        ("win32", {"LOCALAPPDATA": "/l"}, Path("/l/ngjax")),
    ],
)
def test_cache_directory(monkeypatch, platform, variables, expected):
    monkeypatch.setattr(fetch.sys, "platform", platform)
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert fetch.cache_directory() == expected
