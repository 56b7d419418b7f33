#!/usr/bin/env python3
"""Measures what a server takes of memory by agents, files, projects and viewers, for `src/docs/operations.md`.

    cargo build --release
    python3 tests/bench/sizing.py target/release/cicerone

All figures are PSS: what several processes share, such as the program, counts in shares. It needs Linux, and about
a minute; files are made in a temporary directory.
"""

import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

WORDS = "cache connection session queue retry parse token render index timeout buffer stream user order price".split()


def source(number: int) -> str:
    """A small source file, as those of the measurement of the index."""
    lines = []
    for function in range(8):
        first, second = WORDS[(number + function) % 15], WORDS[(number * 7 + function) % 15]
        lines += [
            f"/// Hands the {first} {number} to the {second} that waits for it.",
            f"pub fn {first}_{second}_{number}_{function}(count: usize) -> usize {{",
            f"    let {second} = count + {number};",
            f"    {second} * {function + 1}",
            "}",
            "",
        ]
    return "\n".join(lines)


def project(where: pathlib.Path, files: int) -> None:
    for number in range(files):
        path = where / f"part{number // 100}" / f"file{number}.rs"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source(number))


def pss(pid: int) -> float:
    """Megabytes of one process, or nothing where it has just ended."""
    try:
        text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0.0
    return int(next(line for line in text.splitlines() if line.startswith("Pss:")).split()[1]) * 1024 / 1e6


def descendants(pid: int) -> list[int]:
    try:
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        tasks = os.listdir(f"/proc/{pid}/task")
        for task in tasks:
            children += pathlib.Path(f"/proc/{pid}/task/{task}/children").read_text().split()
    except OSError:
        return []
    own = sorted({int(child) for child in children})
    return own + [below for child in own for below in descendants(child)]


def command(pid: int) -> str:
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


class Server:
    def __init__(self, program: str, projects: dict[str, pathlib.Path], *arguments: str) -> None:
        self.files = tempfile.TemporaryDirectory()
        named = [it for name, where in projects.items() for it in ("--project", f"{name}={where}")]
        environment = {"PATH": os.environ["PATH"], "HOME": self.files.name}
        self.process = subprocess.Popen(
            [program, "--agent", "guide", "--listen", "127.0.0.1:0", "--data-dir", self.files.name, *named, *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment,
        )
        self.port = int(self.process.stdout.readline().rsplit(":", 1)[1].split("/")[0].split()[0])
        time.sleep(6)  # The self-test of the sandbox is over then.

    def ask(self, project: str, question: str) -> dict:
        body = json.dumps({"project": project, "question": question}).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/api/v1/ask", body, {"content-type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=300) as answer:
            return json.load(answer)

    def memory(self) -> dict[str, float]:
        """Megabytes by kind of process, once they stand still."""
        time.sleep(3)
        sums = {"server": pss(self.process.pid), "agents": 0.0, "readers": 0.0, "others": 0.0, "number of agents": 0}
        for pid in descendants(self.process.pid):
            line = command(pid)
            kind = "agents" if " guide --relay" in line else "readers" if " reader {" in line else "others"
            sums[kind] += pss(pid)
            # Each has a supervisor too.
            sums["number of agents"] += kind == "agents" and " sandbox-exec " not in line
        return sums

    def end(self) -> None:
        self.process.terminate()
        self.process.wait()


def viewers(server: Server, conversation: int, count: int) -> list[socket.socket]:
    """Sockets that look at a conversation."""
    start = json.dumps({"type": "start", "conversation_id": conversation}).encode()
    assert len(start) < 126
    opened = []
    for _ in range(count):
        connection = socket.create_connection(("127.0.0.1", server.port))
        connection.sendall(
            f"GET /api/assistant/ws/one?protocol=1 HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            .encode()
        )
        answer = connection.recv(65536)
        assert answer.startswith(b"HTTP/1.1 101"), answer
        # A mask of zeros leaves the text as it is.
        connection.sendall(bytes([0x81, 0x80 | len(start), 0, 0, 0, 0]) + start)
        assert connection.recv(65536)
        opened.append(connection)
    return opened


def show(what: str, figures: dict[str, float]) -> None:
    told = ", ".join(f"{name} {figure:.1f}" for name, figure in figures.items())
    print(f"{what}: {told}", flush=True)


def main() -> None:
    program = os.path.realpath(sys.argv[1])
    with tempfile.TemporaryDirectory() as directory:
        place = pathlib.Path(directory)
        sizes = {"one": 100, "thousand": 1_000, "ten": 10_000, "fifty": 50_000}
        for name, files in sizes.items():
            project(place / name, files)
        server = Server(program, {"one": place / "one"})
        show("nobody", server.memory())
        conversation = server.ask("one", "Where is the cache retried?")["conversation_id"]
        show("1 conversation", server.memory())
        for count in (3, 4, 8):
            for _ in range(count):
                server.ask("one", "Where is the queue rendered?")
            show(f"{count} conversations more", server.memory())
        opened = viewers(server, conversation, 100)
        show("100 viewers", server.memory())
        opened += viewers(server, conversation, 400)
        show("500 viewers", server.memory())
        server.end()
        del opened
        for name, files in sizes.items():
            server = Server(program, {name: place / name})
            server.ask(name, "Where is the cache retried?")
            show(f"a project of {files} files", server.memory())
            server.end()
        many = {f"p{number}": place / f"p{number}" for number in range(10)}
        for where in many.values():
            project(where, 1_000)
        server = Server(program, many)
        show("10 projects of 1000 files, none asked about", server.memory())
        for name in many:
            server.ask(name, "Where is the cache retried?")
        show("10 projects of 1000 files, each asked about", server.memory())
        server.end()


if __name__ == "__main__":
    main()
