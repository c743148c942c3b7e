"""Who we are and whom we know, as it is on the disk: certificate, key and users.

Read at the start and again with each reload, so that a renewed certificate or a removed user needs
no restart. Reading may fail and changes nothing; putting in force cannot fail.

Connections that are open keep the certificate that they began with. A listening socket cannot be
given another TLS context, and loading a certificate into the one that is in use may fail half way;
so each handshake is handed on to the context that is in force.

Reads the files that the settings name; no clock.
"""

import ssl
from dataclasses import dataclass

from monitor.config.secrets_file import SecretError, check_private
from monitor.web.credentials import Credentials
from monitor.web.settings import WebSettings


@dataclass(frozen=True, slots=True)
class Identity:
    """What was read.

    Attributes:
        tls: For handshakes; None without TLS.
        credentials: None when nobody has any.
    """

    tls: ssl.SSLContext | None
    credentials: Credentials | None

    @classmethod
    def read(cls, settings: WebSettings) -> "Identity":
        """What is in the files now.

        Raises:
            SecretError: One of them cannot be used.
        """
        users_file = settings.users_file
        return cls(
            _tls_context(settings), None if users_file is None else Credentials.load(users_file)
        )


class Handshakes:
    """The TLS context for a listening socket, which hands on to the one in force.

    Args:
        current: In force at first.
    """

    def __init__(self, current: ssl.SSLContext) -> None:
        self.current = current
        self.context = _context()
        self.context.sni_callback = self._hand_on

    def _hand_on(
        self, connection: ssl.SSLSocket | ssl.SSLObject, _name: str | None, _: ssl.SSLContext
    ) -> None:
        # Called in every handshake, whether or not the client names a server.
        connection.context = self.current


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _tls_context(settings: WebSettings) -> ssl.SSLContext | None:
    if settings.certificate_file is None or settings.key_file is None:
        return None
    check_private(settings.key_file)
    context = _context()
    try:
        context.load_cert_chain(settings.certificate_file, settings.key_file)
    except (OSError, ssl.SSLError) as error:
        raise SecretError(
            f"{settings.certificate_file} and {settings.key_file} are no certificate and its key "
            f"({error.strerror or error})"
        ) from error
    return context
