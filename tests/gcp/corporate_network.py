"""A company's network: no way out but a CONNECT proxy, which looks into TLS with an authority of its own."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

HOSTS = ("*.googleapis.com", "www.googleapis.com", "github.com", "*.gke.goog", "*.us-central1.gke.goog")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Network:
    """The proxy's address, the authority's certificate, and the hosts that somebody asked the proxy for."""

    proxy: str = ""
    authority: Path = Path()
    connected: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    @property
    def variables(self) -> dict[str, str]:
        """What a user of this network sets, in one of the usual ways."""
        return {"HTTPS_PROXY": self.proxy, "HTTP_PROXY": self.proxy, "REQUESTS_CA_BUNDLE": str(self.authority)}


@asynccontextmanager
async def corporate_network(folder: Path, handler: Handler) -> AsyncIterator[Network]:
    """The network; ``handler`` answers for every host on the internet."""
    found = Network()
    found.authority, context = _certificates(folder)

    async def answer(request: web.Request) -> web.StreamResponse:
        found.asked.append(f"{request.host}{request.path}")
        return await handler(request)

    application = web.Application(client_max_size=2**28)
    application.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    internet = runner.addresses[0][1]
    proxy = await asyncio.start_server(lambda r, w: _serve(found, internet, r, w), "127.0.0.1", 0)
    found.proxy = f"http://127.0.0.1:{proxy.sockets[0].getsockname()[1]}"
    try:
        yield found
    finally:
        proxy.close()
        await runner.cleanup()


async def _serve(found: Network, internet: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    verb, target, _ = head.split(" ", 2)
    found.connected.append(target)
    if verb != "CONNECT":
        writer.write(b"HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()
        return
    there, back = await asyncio.open_connection("127.0.0.1", internet)
    writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
    await asyncio.gather(_pipe(reader, back), _pipe(there, writer))


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


def _certificates(folder: Path) -> tuple[Path, ssl.SSLContext]:
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Corp Inspection")])
    now = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=1)

    def certificate(name: x509.Name, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        built = x509.CertificateBuilder().subject_name(name).issuer_name(authority).public_key(public)
        built = built.serial_number(x509.random_serial_number()).not_valid_before(now)
        return built.not_valid_after(now + datetime.timedelta(days=2))

    root = certificate(authority, authority_key.public_key()).add_extension(x509.BasicConstraints(True, None), True)
    names = x509.SubjectAlternativeName([x509.DNSName(host) for host in HOSTS])
    leaf = certificate(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "internet")]), key.public_key())
    leaf = leaf.add_extension(names, False).add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)
    pem = serialization.Encoding.PEM
    (folder / "corp.pem").write_bytes(root.sign(authority_key, hashes.SHA256()).public_bytes(pem))
    (folder / "leaf.pem").write_bytes(
        leaf.sign(authority_key, hashes.SHA256()).public_bytes(pem)
        + key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "leaf.pem")
    return folder / "corp.pem", context
