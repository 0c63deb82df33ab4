"""The way to a webhook: only to public addresses of the network, signed, in good time (S-27, S-28, reliability 0).

The name is resolved once for each message, every address it has must be public, and the connection goes to such an
address and no other: a name that answers otherwise the next time leads nowhere. Nothing follows a redirect.
"""

import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from .rules import Trouble, host_of

PORT = 443
CONNECT_SECONDS, WHOLE_SECONDS = 3.0, 10.0
LARGEST_ANSWER = 64 * 1024
# Of a host's addresses, so that connecting ends before the whole time does.
MOST_TRIED = 3
# Ways in which an address of another family is written inside one of this: they are public by themselves.
_WRAPPED = [
    ipaddress.ip_network(each) for each in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32", "::/96")
]


class Unreachable(Exception):
    """Nobody answered at the address, or it is none that messages go to."""


class NotTaken(Exception):
    """The answer was not that the message is taken."""


def _resolve(host: str) -> list[str]:
    return [f"{found[4][0]}" for found in socket.getaddrinfo(host, PORT, type=socket.SOCK_STREAM)]


def _connect(address: str, seconds: float) -> socket.socket:
    return socket.create_connection((address, PORT), timeout=seconds)


@dataclass(frozen=True, slots=True)
class Network:
    """How names become addresses, addresses connections, and whose certificates are believed."""

    resolve: Callable[[str], Sequence[str]] = _resolve
    connect: Callable[[str, float], socket.socket] = _connect
    context: Callable[[], ssl.SSLContext] = ssl.create_default_context


INTERNET = Network()


def is_public(address: str) -> bool:
    """Whether an address belongs to the public network, however it is written."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped:
            return is_public(f"{found.ipv4_mapped}")
        if found.is_site_local or any(found in network for network in _WRAPPED):
            return False
    return found.is_global and not found.is_multicast and not found.is_reserved


def addresses_of(url: str, *, network: Network | None = None) -> tuple[str, list[str]]:
    """The host of a webhook's URL and its addresses.

    Raises Unreachable unless it is one that messages may go to: https, port 443, a name whose addresses are all
    public.
    """
    try:
        host = host_of(url)
        found = list((network or INTERNET).resolve(host))
    except ValueError:
        raise Unreachable(Trouble.BAD_ADDRESS) from None
    except OSError:
        raise Unreachable(Trouble.UNKNOWN_HOST) from None
    if not found or not all(is_public(each) for each in found):
        raise Unreachable(Trouble.NOT_PUBLIC)
    return host, found


def send(url: str, body: bytes, headers: Mapping[str, str], *, network: Network | None = None) -> None:
    """Post a message to a webhook. Raises Unreachable, or NotTaken for any answer but 2xx."""
    network = network or INTERNET
    host, addresses = addresses_of(url, network=network)
    connection = _Pinned(host, addresses, network)
    # Whatever the other side does, and however slowly: the whole conversation ends in time.
    watchdog = threading.Timer(WHOLE_SECONDS, connection.cut)
    watchdog.daemon = True
    watchdog.start()
    try:
        parts = urlsplit(url)
        query = f"?{parts.query}" if parts.query else ""
        connection.request("POST", f"{parts.path or '/'}{query}", body, dict(headers))
        answer = connection.getresponse()
        answer.read(LARGEST_ANSWER)
        status, trouble = answer.status, None
    except ssl.SSLError:
        status, trouble = 0, Trouble.NO_TRUST
    except TimeoutError:
        status, trouble = 0, Trouble.TOO_SLOW
    except (OSError, ValueError, http.client.HTTPException):
        status, trouble = 0, Trouble.NO_CONNECTION
    finally:
        watchdog.cancel()
        connection.close()
    if connection.was_cut:
        raise Unreachable(Trouble.TOO_SLOW)
    if trouble:
        raise Unreachable(trouble)
    if not 200 <= status < 300:
        raise NotTaken(f"{Trouble.STATUS} {status}")


class _Pinned(http.client.HTTPSConnection):
    """A connection for a host to the addresses that were looked at, and to no other."""

    def __init__(self, host: str, addresses: Sequence[str], network: Network) -> None:
        super().__init__(host, PORT, timeout=WHOLE_SECONDS)
        self._addresses, self._network = addresses, network
        # The socket itself: the connection lets go of it while the answer is still read.
        self._wire: ssl.SSLSocket | None = None
        self.was_cut = False

    def connect(self) -> None:
        plain = self._first()
        plain.settimeout(WHOLE_SECONDS)
        self._wire = self._network.context().wrap_socket(
            plain, server_hostname=self.host, do_handshake_on_connect=False
        )
        self.sock = self._wire
        self._wire.do_handshake()

    def _first(self) -> socket.socket:
        """A connection to the first of the addresses where somebody is."""
        why = OSError("no address")
        for address in self._addresses[:MOST_TRIED]:
            try:
                return self._network.connect(address, CONNECT_SECONDS)
            except OSError as error:
                why = error
        raise why

    def cut(self) -> None:
        """End the conversation from another thread."""
        self.was_cut = True
        if self._wire is not None:
            # It may have ended by itself meanwhile.
            with suppress(OSError):
                socket.socket.shutdown(self._wire, socket.SHUT_RDWR)
