"""Who comes in to an OPC UA server: how a connection is secured, which clients are trusted, and the one user."""

from __future__ import annotations

from hmac import compare_digest
from typing import TYPE_CHECKING, Any

from lineside.outputs.plant.opcua.certificates import name_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from asyncua import Server

    from lineside.outputs.plant.opcua.certificates import Identity, TrustList

CONNECTIONS = 32
"""Clients at once; a further one is hung up on."""

_LOGIN_S = 5.0
_NAMED = 64  # strangers that are told of; who sends certificate after certificate is not told for ever
_CHUNK_BYTES = (
    65_535  # what asyncua lets a client send in one piece, and then waits for whatever length it was told
)
_LENGTH = slice(4, 8)  # of a piece, in its head


class Door:
    """What a server asks of its clients.

    A client names its certificate when it asks for a session, and may name another's. What it proves to have is the key of its secure
    channel's, so that is the certificate that counts, and the session is not opened before it was looked at.

    Args:
        identity: The server's certificate; with it clients must sign and encrypt. `None` for open connections.
        trusted: Clients that are let in; `None` for any.
        login: The name and password that clients must log in with; an empty name for none.
        note: Takes a code and a sentence for the people at the line.
        wall: The time of day, with its zone.

    Attributes:
        users: What decides of a client when its session is opened, for the server; `None` where nothing is asked.
    """

    def __init__(
        self,
        identity: Identity | None,
        trusted: TrustList | None,
        login: tuple[str, str],
        *,
        note: Callable[[str, str], None],
        wall: Callable[[], datetime],
    ) -> None:
        self._identity = identity
        self._trusted = trusted
        self._user, self._password = login
        self._note = note
        self._wall = wall
        self._told: set[bytes] = set()
        self._is_garbage = self._is_full = False
        self.users = self if self._user or trusted is not None else None

    async def fit(self, server: Server) -> None:
        """The initialised server asks it of everybody."""
        from asyncua import ua
        from asyncua.crypto.permission_rules import SimpleRoleRuleset

        if self._identity is None:
            server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
        else:
            if self._identity.uri:
                await server.set_application_uri(self._identity.uri)
            await server.load_certificate(self._identity.certificate, "der")
            await server.load_private_key(self._identity.private_key, format="pem")
            policies = [ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt]
            server.set_security_policy(policies, permission_ruleset=SimpleRoleRuleset())
        server.set_identity_tokens([ua.UserNameIdentityToken if self._user else ua.AnonymousIdentityToken])
        server.iserver.max_connections = CONNECTIONS
        server.iserver.max_pending_activation_seconds = _LOGIN_S

    def sweep(self, server: Server) -> None:
        """Who sends pieces longer than any may be is hung up on, before they fill the memory; to be called often."""
        clients = list(server.bserver.clients)
        for client in clients:
            waiting = client._buffer  # noqa: SLF001 # asyncua waits for its end, however long it is said to be
            if len(waiting) > _CHUNK_BYTES or int.from_bytes(waiting[_LENGTH], "little") > _CHUNK_BYTES:
                client._buffer = b""  # noqa: SLF001 # the same
                client.transport.abort()
                if not self._is_garbage:
                    self._note("plc.garbage", "bytes came that are no OPC UA; they are not acted upon")
                self._is_garbage = True
        self._is_garbage = self._is_garbage and bool(clients)
        is_full = len(clients) >= CONNECTIONS
        if is_full and not self._is_full:
            self._note("plc.stranger", f"{CONNECTIONS} clients are connected; further ones are hung up on")
        self._is_full = is_full

    def get_user(
        self,
        _server: Any,
        username: str | None = None,
        password: Any = None,
        certificate: bytes | None = None,
    ) -> Any:
        """The user of a session, or `None`, which refuses it. asyncua calls it so, with the secure channel's certificate."""
        from asyncua.crypto.permission_rules import User, UserRole

        if self._trusted is not None and (why := self._trusted.objection(certificate, self._wall())):
            self._tell(certificate or b"", f"{name_of(certificate)} was not let in: {why}")
            return None
        if self._user and not self._knows(username, password):
            self._tell(b"login", "a client was not let in: its name or password is wrong")
            return None
        return User(role=UserRole.User, name=self._user or "anonymous")

    def _knows(self, username: str | None, password: Any) -> bool:
        said = password.decode("utf-8", "replace") if isinstance(password, bytes) else str(password or "")
        is_password = compare_digest(said.encode(), self._password.encode())
        return username == self._user and is_password

    def _tell(self, who: bytes, sentence: str) -> None:
        if who not in self._told and len(self._told) < _NAMED:
            self._told.add(who)
            self._note("plc.stranger", sentence)
