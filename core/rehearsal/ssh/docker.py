"""A Docker engine's API as far as a client looks around: it answers who it is, and has no containers and no images."""

from __future__ import annotations

from aiohttp import web

from core.rehearsal.store import Document

API, LEAST = "1.44", "1.24"
VERSION: Document = {
    "Platform": {"Name": "Rehearsal"}, "Version": "25.0.0", "ApiVersion": API, "MinAPIVersion": LEAST, "Os": "linux",
    "Arch": "amd64", "KernelVersion": "rehearsal", "GoVersion": "none", "GitCommit": "rehearsal",
    "BuildTime": "2026-01-01T00:00:00.000000000+00:00", "Components": [],
}  # fmt: skip


def application(name: str) -> web.Application:
    """The API of the engine on a VM."""
    info = {"ID": name, "Name": name, "Containers": 0, "ContainersRunning": 0, "ContainersPaused": 0, "ContainersStopped": 0,
            "Images": 0, "Driver": "overlay2", "ServerVersion": VERSION["Version"], "OperatingSystem": "Rehearsal",
            "OSType": "linux", "Architecture": "x86_64", "NCPU": 4, "MemTotal": 16 << 30}  # fmt: skip
    answers: dict[str, object] = {"version": VERSION, "info": info, "containers/json": [], "images/json": [],
                                  "volumes": {"Volumes": [], "Warnings": []}, "networks": []}  # fmt: skip

    async def serve(request: web.Request) -> web.StreamResponse:
        path = request.match_info["path"]
        version, _, rest = path.partition("/")
        if version.startswith("v1."):
            path = rest
        headers = {"Api-Version": API, "Docker-Experimental": "false", "Ostype": "linux", "Server": "Docker/25.0.0 (linux)"}
        if path == "_ping":
            return web.Response(text="OK", headers=headers)
        if request.method == "GET" and path in answers:
            return web.json_response(answers[path], headers=headers)
        message = {"message": "A rehearsal's VM runs no containers."}
        return web.json_response(message, status=404 if request.method in ("GET", "HEAD") else 501, headers=headers)

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", serve)
    return application
