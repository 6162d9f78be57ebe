from __future__ import annotations

import subprocess
import sys

READ = """
import ssl
read = []
usual = ssl.SSLContext.load_default_certs
ssl.SSLContext.load_default_certs = lambda self, *purpose: (read.append(purpose), usual(self, *purpose))
from core.authorities import load_aiohttp
load_aiohttp()
before = len(read)
from aiohttp import connector
context = connector._SSL_CONTEXT_VERIFIED
assert isinstance(context, ssl.SSLContext)
assert not connector._SSL_CONTEXT_UNVERIFIED.get_ca_certs()
assert "set_default_verify_paths" not in vars(ssl.SSLContext)
other = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
other.set_default_verify_paths()
assert bool(other.get_ca_certs()) == bool(ssl.create_default_context().get_ca_certs())
assert type(ssl.create_default_context()) is ssl.SSLContext
assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
mine = len(read)
for _ in range(2):
    context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="example.com")
print(before, len(read) - mine, bool(context.get_ca_certs()) == bool(ssl.create_default_context().get_ca_certs()))
"""


def test_authorities_are_read_for_the_first_connection_and_not_before() -> None:
    done = subprocess.run([sys.executable, "-P", "-c", READ], capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout.split() == ["0", "1", "True"], done.stderr
