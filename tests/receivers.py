"""Receivers of results: an HTTP server of the standard library, mosquitto, PostgreSQL and an S3 store, each on a free port."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from peers import free_port, listens, program, promised, until


@dataclass
class HttpReceiver:
    """Answers POSTs with the statuses that it was told, then with 200, and keeps what it got.

    A status of 0 answers no HTTP; -1 answers nothing until the receiver is closed.
    """

    statuses: list = field(default_factory=list)
    headers: dict = field(default_factory=dict)
    got: list = field(default_factory=list)
    says: str = ""

    def __post_init__(self):
        receiver = self
        self._over = threading.Event()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                status = receiver.statuses.pop(0) if receiver.statuses else 200
                if status == -1:
                    receiver._over.wait()
                    self.close_connection = True
                    return
                if status == 0:
                    self.wfile.write(b"\x00\x01 this is no HTTP\r\n\r\n")
                    self.close_connection = True
                    return
                if 200 <= status < 300:
                    receiver.got.append((self.path, dict(self.headers), body))
                self.send_response(status)
                for name, value in receiver.headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(receiver.says)))
                self.end_headers()
                self.wfile.write(receiver.says.encode())

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_port
        self.url = f"http://127.0.0.1:{self.port}/results"
        self._thread = threading.Thread(
            target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self._thread.start()

    @property
    def records(self):
        return [json.loads(body) for _, _, body in self.got]

    def close(self):
        self._over.set()
        self.server.shutdown()
        self.server.server_close()


class Process:
    """A program that is started, killed and started again on the same port."""

    def __init__(self, command, port, **more):
        self.port = port
        self._command, self._more = command, more
        self._process = None

    def start(self, timeout_s=30):
        self._process = subprocess.Popen(
            self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **self._more
        )
        try:
            until(lambda: listens(self.port), f"{self._command[0]} to listen on port {self.port}", timeout_s)
        except TimeoutError:
            self.kill()
            raise
        return self

    def stop(self):
        """End it as its system would: it may write down what it holds."""
        self._process.terminate()
        self._process.wait(20)
        self._process = None

    def freeze(self):
        """It is there, and does nothing."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self._process.send_signal(signal.SIGCONT)

    def kill(self):
        if self._process is not None:
            self._process.kill()
            self._process.wait(20)
            self._process = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.kill()


def certificates(folder):
    """A plant's own authority and a broker's certificate for 127.0.0.1, made by openssl."""
    openssl = program("openssl", peer="mosquitto")

    def run(*words):
        subprocess.run([openssl, *words], cwd=folder, check=True, capture_output=True)

    run(
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-keyout",
        "ca.key",
        "-out",
        "ca.pem",
        "-days",
        "2",
        "-subj",
        "/CN=plant",
    )
    run(
        "req",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-keyout",
        "broker.key",
        "-out",
        "broker.csr",
        "-subj",
        "/CN=broker",
    )
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1")
    run("x509", "-req", "-in", "broker.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out", "broker.pem", "-days", "2", "-extfile", "names")  # fmt: skip


def mosquitto(folder, *, secured=False, may_hear=None):
    """A broker; with TLS by its own authority, and a user `line` with the password `let me in`, where it is secured.

    Where `may_hear` names topics, nobody may subscribe to others until the default is changed over `$CONTROL/dynamic-security/v1`.
    """
    found = program("mosquitto", peer="mosquitto", paths=("/usr/sbin/mosquitto",))
    port = free_port()
    lines = [
        f"listener {port} 127.0.0.1",
        "persistence true",
        f"persistence_location {folder}/",
        "log_type none",
    ]
    if secured:
        certificates(folder)
        hashed = program("mosquitto_passwd", peer="mosquitto")
        subprocess.run(
            [hashed, "-b", "-c", folder / "users", "line", "let me in"], check=True, capture_output=True
        )
        for name in ("users", "broker.key"):
            (folder / name).chmod(0o644)
        lines += [f"cafile {folder}/ca.pem", f"certfile {folder}/broker.pem", f"keyfile {folder}/broker.key"]
        lines += ["allow_anonymous false", f"password_file {folder}/users"]
    else:
        lines += ["allow_anonymous true"]
    if may_hear is not None:
        allowed = [{"acltype": "subscribeLiteral", "topic": topic, "allow": True} for topic in may_hear]
        allowed.append({"acltype": "publishClientSend", "topic": "$CONTROL/#", "allow": True})
        rights = {
            "defaultACLAccess": {"publishClientSend": True, "publishClientReceive": True, "subscribe": False},
            "roles": [{"rolename": "everyone", "acls": allowed}],
            "groups": [{"groupname": "everyone", "roles": [{"rolename": "everyone"}]}],
            "anonymousGroup": "everyone",
        }
        (folder / "rights.json").write_text(json.dumps(rights))
        plugin = next(iter(Path("/usr/lib").glob("*/mosquitto_dynamic_security.so")), None)
        if plugin is None:
            promised("mosquitto", "it has no plug-in for rights, mosquitto_dynamic_security.so")
        lines += [f"plugin {plugin}", f"plugin_opt_config_file {folder}/rights.json"]
    if os.getuid() == 0:
        lines.append("user root")  # else it could not read the files of the tests
    (folder / "mosquitto.conf").write_text("\n".join(lines) + "\n")
    return Process([found, "-c", folder / "mosquitto.conf"], port)


@contextlib.contextmanager
def postgres():
    """A cluster of its own, as the user postgres where the tests run as root: yields its process."""
    paths = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    initdb = program("initdb", peer="postgres", paths=[str(path / "initdb") for path in paths])
    server = Path(initdb).resolve().with_name("postgres")
    before = {}
    with tempfile.TemporaryDirectory(
        prefix="lineside-pg-"
    ) as name:  # pytest's own folders are closed to other users
        folder = Path(name)
        if os.getuid() == 0:
            import pwd

            try:
                user = pwd.getpwnam("postgres")
            except KeyError:
                promised("postgres", "there is no user postgres, and it refuses to run as root")
            os.chown(folder, user.pw_uid, user.pw_gid)
            before = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        (folder / "password").write_text("let me in\n")
        (folder / "password").chmod(0o644)
        words = ["-U", "line", "--auth=scram-sha-256", f"--pwfile={folder / 'password'}", "--no-sync"]
        subprocess.run(
            [initdb, "-D", folder / "data", *words], check=True, capture_output=True, cwd="/", **before
        )
        port = free_port()
        words = [
            "-c",
            "listen_addresses=127.0.0.1",
            "-c",
            f"unix_socket_directories={folder}",
            "-c",
            "fsync=off",
        ]
        with Process(
            [server, "-D", folder / "data", "-p", str(port), *words], port, cwd="/", **before
        ) as running:
            yield running


def s3(folder):
    """SeaweedFS with one key, `line` and `secret1`, and without a bucket: a real S3 server that refuses wrong keys."""
    found = program("weed", peer="s3", paths=(str(Path(sys.executable).with_name("weed")),))
    keys = {
        "identities": [
            {
                "name": "line",
                "credentials": [{"accessKey": "line", "secretKey": "secret1"}],
                "actions": ["Admin", "Read", "Write", "List", "Tagging"],
            }
        ]
    }
    folder.mkdir()
    (folder / "keys.json").write_text(json.dumps(keys))
    ports = {name: _pair() for name in ("master", "volume", "filer", "s3")}
    command = [
        found,
        "server",
        f"-dir={folder}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        "-s3",
        "-filer",
        f"-s3.config={folder / 'keys.json'}",
    ]
    command += [f"-{name}.port={port}" for name, port in ports.items()] + [
        "-master.volumeSizeLimitMB=64",
        "-volume.max=8",
    ]
    return Process(command, ports["s3"], cwd=folder)


def _pair():
    """A free port whose partner 10000 above, which SeaweedFS takes as well, is free, too."""
    while True:
        port = free_port()
        if port < 55000:
            with socket.socket() as probe, contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port + 10000))
                return port
