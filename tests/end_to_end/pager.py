"""A receiver of webhooks that notes what it is told, and how often."""

import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Pager:
    """A receiver of webhooks; `posts` are the idempotency key, alert and status of each."""

    url: str = ""
    posts: list[tuple[str, str, str]] = field(default_factory=list)

    @property
    def told(self) -> Counter[tuple[str, str]]:
        """How often which alert was told in which status."""
        return Counter((key, status) for _, key, status in self.posts)

    @property
    def has_heard_all_ends(self) -> bool:
        """Whether everything that was told as firing was told as resolved."""
        told = self.told
        return all((key, "resolved") in told for key, status in told if status == "firing")

    def has(self, status: str) -> bool:
        """Whether anything was told in this status."""
        return any(told == status for _, _, told in self.posts)

    @contextmanager
    def serving(self) -> Iterator["Pager"]:
        """Listen on a free port of loopback."""
        posts = self.posts

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body: dict[str, Any] = json.loads(
                    self.rfile.read(int(self.headers["Content-Length"]))
                )
                key = body["alerts"][0]["annotations"]["dedup_key"]
                posts.append((self.headers["Idempotency-Key"], key, body["status"]))
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        self.url = f"http://127.0.0.1:{server.server_port}/"
        try:
            yield self
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
