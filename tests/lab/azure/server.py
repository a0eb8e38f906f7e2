# Copyright (c) 2026, The vwan.user_vpn contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The listener: HTTP/1.1 over TLS on one loopback port, a thread per connection."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .messages import Request, Response

Serve = Callable[[Request], Response]
_LARGEST_BODY = 4 * 1024 * 1024  # ARM's own limit for a request


class Listener:
    """Serves until `close`. `port` is known once it is made."""

    def __init__(self, certificate: Path) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(certificate)
        self._server = _Server(("127.0.0.1", 0), _Handler, context)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    def set_clock(self, ahead: float) -> None:
        """By how many seconds the `Date` of the answers is ahead of this machine's clock."""
        self._server.ahead = ahead

    def start(self, serve: Serve) -> None:
        self._server.serve = serve
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=5)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    serve: Serve
    ahead = 0.0

    def __init__(self, address: tuple[str, int], handler: Any, context: ssl.SSLContext) -> None:
        super().__init__(address, handler)
        self._context = context

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Shake hands in the connection's own thread, so that a silent client holds up nobody else."""
        request.settimeout(60)
        with contextlib.suppress(OSError), self._context.wrap_socket(request, server_side=True) as wrapped:
            super().finish_request(wrapped, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away are part of the game."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server
    disable_nagle_algorithm = True

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if length > _LARGEST_BODY or "Transfer-Encoding" in self.headers:
            self.close_connection = True
            self._send(Response(413 if length else 411))
            return
        target = urlsplit(self.path)
        request = Request(
            self.command,
            (self.headers.get("Host") or "").lower(),
            target.path,
            target.query,
            {name.lower(): value for name, value in self.headers.items()},
            self.rfile.read(length) if length else b"",
        )
        response = self.server.serve(request)
        if response.status == 0:
            self._reset()
            return
        self._send(response)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _answer

    def _send(self, response: Response) -> None:
        self.send_response_only(response.status)
        self.send_header("Date", formatdate(time.time() + self.server.ahead, usegmt=True))
        for name, value in response.headers.items():
            self.send_header(name, value)
        if response.status != 204:
            self.send_header("Content-Length", str(len(response.body)))
        self.end_headers()
        if self.command == "HEAD" or response.status == 204:
            return
        self.wfile.write(response.body[: response.cut])
        if response.cut is not None:
            self.wfile.flush()
            self._reset()

    def _reset(self) -> None:
        """Close with RST, without TLS's farewell: the client sees a broken connection, not an end."""
        self.close_connection = True
        connection = self.connection
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raw = socket.socket(fileno=connection.detach())
        raw.close()

    def log_message(self, format: str, *args: Any) -> None:
        """The lab records requests itself."""
