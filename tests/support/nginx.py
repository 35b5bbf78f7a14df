"""A real nginx in front of a server of ours, with a certificate of its own."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.ports import free_port

RECIPE = Path(__file__).resolve().parents[2] / "docs" / "deploy" / "nginx.conf"

PLAIN = """
server {
    listen 443 ssl;
    server_name study.example.org;
    ssl_certificate /etc/ssl/study.pem;
    ssl_certificate_key /etc/ssl/study.key;
    access_log /var/log/nginx/study.access.log;
    error_log /var/log/nginx/study.error.log;
    location /study/ {
        proxy_pass http://127.0.0.1:8000/;
    }
}
"""
"""What people write who have read no recipe: the path is cut off, and no header is passed on."""


@dataclass(frozen=True)
class Site:
    """A running nginx; ``folder`` holds its certificate and its logs."""

    folder: Path
    https: int
    http: int

    @property
    def certificate(self) -> Path:
        return self.folder / "study.pem"

    @property
    def written(self) -> str:
        """All that is in its logs, but for how it started."""
        return "".join(path.read_text() for path in sorted(self.folder.glob("study.*.log")))

    def written_with(self, last: str) -> str:
        """Return the same as soon as ``last`` is in it: nginx answers first and writes then."""
        for _ in range(600):
            if last in (written := self.written):
                return written
            time.sleep(0.1)
        raise AssertionError(f"nginx did not write {last!r}: {self.written!r}")


def find_nginx() -> str | None:
    """Return the program; Debian keeps it where only root's PATH leads."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


def adapted(recipe: str, changes: Mapping[str, str]) -> str:
    """Return a recipe with the reader's own addresses and files in place of its examples."""
    for example, own in changes.items():
        assert example in recipe or example in ("listen 80;", "server 127.0.0.1:8000;"), example
        recipe = recipe.replace(example, own)
    return recipe


@contextmanager
def proxied(recipe: str, port: int, https: int, folder: Path) -> Iterator[Site]:
    """Run nginx by ``recipe`` at the port ``https``, in front of a server at ``port``."""
    program, openssl = find_nginx(), shutil.which("openssl")
    assert program is not None
    assert openssl is not None
    folder.mkdir()
    site = Site(folder, https, http=free_port())
    subprocess.run(
        f"{openssl} req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
        f"-subj /CN=localhost -addext subjectAltName=DNS:localhost -keyout study.key "
        "-out study.pem".split(),
        cwd=folder,
        check=True,
        capture_output=True,
    )
    server = adapted(
        recipe,
        {
            "listen 443 ssl": f"listen 127.0.0.1:{https} ssl",
            "listen 80;": f"listen 127.0.0.1:{site.http};",
            "study.example.org": "localhost",
            "127.0.0.1:8000": f"127.0.0.1:{port}",
            "/etc/ssl/": f"{folder}/",
            "/var/log/nginx/": f"{folder}/",
        },
    )
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root;\n" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(
        f"{user}daemon off;\npid {folder}/pid;\nworker_processes 1;\n"
        f"events {{}}\nhttp {{\n{temporary}{server}\n}}\n"
    )
    command = [program, "-p", str(folder), "-e", str(folder / "start.log"), "-c"]
    process = subprocess.Popen([*command, str(folder / "nginx.conf")])
    try:
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", https), timeout=1).close()
                break
            except OSError:
                assert process.poll() is None, (folder / "start.log").read_text()
                time.sleep(0.05)
        yield site
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)
