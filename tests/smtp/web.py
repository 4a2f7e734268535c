"""A small HTTPS server for a policy, in a thread of its own, on 127.0.0.1 and a port of its own."""

from __future__ import annotations

import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType

from tests.smtp.certificates import Shown


class Web:
    """Answers every request in the same way; `asked` are the paths and names that it was asked for."""

    def __init__(
        self,
        shown: Shown | None,
        body: str = "",
        *,
        status: int = 200,
        location: str = "",
        after: float = 0.0,
        framing: str = "length",
    ) -> None:
        self.asked: list[str] = []
        web = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                web.asked.append(f"{self.headers['Host']}{self.path}")
                time.sleep(after)
                data = body.encode()
                self.send_response(status)
                if location:
                    self.send_header("Location", location)
                self.send_header("Connection", "close")
                self.send_header("Content-Type", "text/plain")
                if framing == "length":
                    self.send_header("Content-Length", str(len(data)))
                elif framing == "chunks":
                    self.send_header("Transfer-Encoding", "chunked")
                    cuts = [data[at : at + 40] for at in range(0, len(data), 40)]
                    data = b"".join(b"%x\r\n%s\r\n" % (len(cut), cut) for cut in cuts) + b"0\r\n\r\n"
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: object) -> None:
                """Nothing is printed."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: object, client_address: object) -> None:
                """Who breaks off, or believes no certificate, is what is tested."""

            def get_request(self) -> tuple[object, object]:  # type: ignore[override]
                connection, address = super().get_request()
                if shown:
                    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                    context.load_cert_chain(shown.chain, shown.key)
                    return context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), address
                return connection, address

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="policy server")

    @property
    def endpoint(self) -> tuple[str, int]:
        return "127.0.0.1", self._server.server_address[1]

    def __enter__(self) -> Web:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)
