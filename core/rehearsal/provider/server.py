"""The provider as a process: the handshake that Terraform waits for, gRPC on a socket, and an end when its parent ends.

Terraform killed outright tells its providers nothing, so it is watched whether it lives. An interrupt from the terminal
reaches the whole group of processes; Terraform alone decides what it means, and says so by the call ``Stop``.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc

from core.rehearsal.provider import tfplugin5_pb2 as pb
from core.rehearsal.provider.service import Provider

COOKIE = ("TF_PLUGIN_MAGIC_COOKIE", "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2")
WORKERS = 16
LONGEST_SOCKET = 100
WATCH = 0.25

_CALLS: dict[str, tuple[str, Any]] = {
    "GetSchema": ("get_schema", pb.GetProviderSchema.Request),
    "PrepareProviderConfig": ("prepare_provider_config", pb.PrepareProviderConfig.Request),
    "Configure": ("configure", pb.Configure.Request),
    "ValidateResourceTypeConfig": ("validate_resource", pb.ValidateResourceTypeConfig.Request),
    "UpgradeResourceState": ("upgrade_state", pb.UpgradeResourceState.Request),
    "ReadResource": ("read", pb.ReadResource.Request),
    "PlanResourceChange": ("plan", pb.PlanResourceChange.Request),
    "ApplyResourceChange": ("apply", pb.ApplyResourceChange.Request),
    "ImportResourceState": ("import_state", pb.ImportResourceState.Request),
    "Stop": ("stop_all", pb.Stop.Request),
}


def serve(until_gone: Callable[[], object]) -> int:
    """Serves until Terraform has had enough; answers the exit code. ``until_gone`` returns when Terraform is no more."""
    name, value = COOKIE
    if os.environ.get(name) != value:
        os.write(2, b"This is a provider that Terraform starts by itself; it is of no use on its own.\n")
        return 1
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    folder = Path(tempfile.mkdtemp(prefix="tfp", dir=_socket_folder()))
    threading.Thread(target=_watch, args=(until_gone, folder), daemon=True).start()
    done = threading.Event()
    server = grpc.server(futures.ThreadPoolExecutor(WORKERS), options=[("grpc.max_receive_message_length", 64 << 20)])
    server.add_generic_rpc_handlers(tuple(_handlers(Provider(), done)))
    socket = folder / "s"
    certificate = _listen(server, f"unix:{socket}")
    server.start()
    print(f"1|5|unix|{socket}|grpc|{certificate}", flush=True)
    done.wait()
    server.stop(0.2).wait(0.5)
    shutil.rmtree(folder, ignore_errors=True)
    return 0


def _handlers(provider: Provider, done: threading.Event) -> Iterator[grpc.GenericRpcHandler]:
    calls = {call: _unary(getattr(provider, method), request) for call, (method, request) in _CALLS.items()}
    yield grpc.method_handlers_generic_handler("tfplugin5.Provider", calls)
    shutdown = grpc.unary_unary_rpc_method_handler(lambda request, context: _ended(done))
    yield grpc.method_handlers_generic_handler("plugin.GRPCController", {"Shutdown": shutdown})
    output = grpc.unary_stream_rpc_method_handler(lambda request, context: iter(()))
    yield grpc.method_handlers_generic_handler("plugin.GRPCStdio", {"StreamStdio": output})


def _ended(done: threading.Event) -> bytes:
    done.set()
    return b""


def _unary(method: Callable[[Any], Any], request: Any) -> grpc.RpcMethodHandler:
    return grpc.unary_unary_rpc_method_handler(
        lambda message, context: method(message),
        request_deserializer=request.FromString,
        response_serializer=lambda response: response.SerializeToString(),
    )


def _listen(server: grpc.Server, address: str) -> str:
    """Binds the socket; answers the certificate for Terraform where it wants the socket encrypted.

    Terraform's own certificate is on a curve that this TLS library can't check; the socket's folder keeps others out.
    """
    if not os.environ.get("PLUGIN_CLIENT_CERT"):
        server.add_insecure_port(address)
        return ""
    from core.rehearsal.provider.certificate import throwaway

    made = throwaway()
    server.add_secure_port(address, grpc.ssl_server_credentials([(made.key, made.certificate)]))
    return made.for_handshake


def _socket_folder() -> str | None:
    """Where the socket goes: Terraform's choice, else the usual place for temporary files, unless the path gets too long."""
    wanted = os.environ.get("PLUGIN_UNIX_SOCKET_DIR") or tempfile.gettempdir()
    return wanted if len(wanted) + len("/tfp12345678/s") < LONGEST_SOCKET else "/tmp"


def parent_gone() -> None:
    """Returns when the process that started this one has gone."""
    parent, never = os.getppid(), threading.Event()
    while os.getppid() == parent:
        never.wait(WATCH)


def _watch(until_gone: Callable[[], object], folder: Path) -> None:
    """Ends the process, whatever it is doing, when Terraform has gone."""
    with contextlib.suppress(OSError):
        until_gone()
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(1)
