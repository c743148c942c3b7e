"""What the operator may say about the web server.

Pure: no I/O, no clock.
"""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class WebSettings:
    """Where to listen and who is served.

    Peers on this machine may read without credentials. Everybody else is served only over TLS and
    with credentials; without either of the two configured, they are refused.

    Attributes:
        host: Address or name to listen on.
        port: TCP port; 0 takes a free one.
        names: Names, besides those of loopback, under which local readers may ask for the page.
            A browser that was led here by another name is being abused by a stranger's page.
        certificate_file: TLS certificate chain, PEM; None for no TLS.
        key_file: Its private key, PEM.
        users_file: See `credentials.py`; None when nobody has credentials.
        max_body_bytes: Larger requests are refused.
    """

    host: str = "127.0.0.1"
    port: int = 9108
    names: tuple[str, ...] = ()
    certificate_file: Path | None = None
    key_file: Path | None = None
    users_file: Path | None = None
    max_body_bytes: int = 1_048_576
