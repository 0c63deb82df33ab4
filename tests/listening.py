"""Somebody else's server: it listens at loopback under a public name, with a certificate of its own authority."""

import datetime
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from spapi.webhooks import Network

HOST, PUBLIC = "hooks.shop.example", "93.184.216.34"


@dataclass
class Received:
    """One message as it arrived."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Listener:
    """A server that keeps what it gets; `answers` says with which status, one after the other, the last for ever."""

    port: int
    context: ssl.SSLContext
    answers: list[int] = field(default_factory=lambda: [200])
    received: list[Received] = field(default_factory=list)
    connections: int = 0

    def network(self, *, resolve: Callable[[str], list[str]] | None = None) -> Network:
        """The public network, in which every address is this server."""

        def connect(address: str, seconds: float) -> socket.socket:
            ipaddress.ip_address(address)
            self.connections += 1
            return socket.create_connection(("127.0.0.1", self.port), timeout=seconds)

        return Network(resolve or (lambda host: [PUBLIC]), connect, lambda: self.context)


@contextmanager
def listening(folder: Path, *, host: str = HOST) -> Iterator[Listener]:
    """A server for this host until the end of the block."""
    certificate, key = _certificate(folder, host)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    ours = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ours.load_cert_chain(certificate, key)
    server.socket = ours.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    listener = Listener(server.server_address[1], ssl.create_default_context(cafile=f"{certificate}"))
    server.listener = listener  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield listener
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        listener: Listener = self.server.listener  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers["Content-Length"]))
        listener.received.append(Received(self.path, {k.lower(): v for k, v in self.headers.items()}, body))
        status = listener.answers.pop(0) if len(listener.answers) > 1 else listener.answers[0]
        self.send_response(status)
        if 300 <= status < 400:
            self.send_header("Location", f"https://{HOST}/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Say nothing."""


def _certificate(folder: Path, host: str) -> tuple[Path, Path]:
    """A certificate for a host that vouches for itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=3650))
        .not_valid_after(now + datetime.timedelta(days=3650))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / f"{host}.pem", folder / f"{host}.key"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    pem = serialization.PrivateFormat.PKCS8
    paths[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, pem, serialization.NoEncryption()))
    return paths
