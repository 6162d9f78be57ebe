"""Many calls in one request, as googleapiclient's batches and gcloud compute send them."""

from __future__ import annotations

from simulated_project import PROJECT, Project

from core.rehearsal.google import batch
from core.rehearsal.google.app import serve


async def send(project: Project, *lines: str) -> list[str]:
    """Sends a batch of bare requests; returns the answers' parts, headers and all."""
    parts = "".join(
        f"--b\r\nContent-Type: application/http\r\nContent-ID: <id+{i}>\r\n\r\n{line} HTTP/1.1\r\n\r\n\r\n"
        for i, line in enumerate(lines)
    )
    headers = {"Content-Type": 'multipart/mixed; boundary="b"', "Authorization": f"Bearer {project.token}"}
    answer = await batch.answer(
        headers, f"{parts}--b--".encode(), lambda v, p, h, b: serve(project.world, v, p, h, b, "http://127.0.0.1:1")
    )
    assert isinstance(answer.body, bytes)
    return answer.body.decode().split("--batch_rehearsal")[1:-1]


async def test_each_call_of_a_batch_gets_its_own_answer(project: Project) -> None:
    base = f"/compute/v1/projects/{PROJECT}/global/networks"
    first, second, third = await send(project, f"GET {base}/default", f"GET {base}/none", f"GET /compute{base}/default")
    assert "Content-ID: <response-id+0>" in first
    assert "HTTP/1.1 200" in first
    assert '"name": "default"' in first
    assert "HTTP/1.1 404" in second
    assert "HTTP/1.1 200" in third


async def test_a_batch_without_a_boundary_is_refused(project: Project) -> None:
    answer = await batch.answer({"Content-Type": "text/plain"}, b"", lambda v, p, h, b: serve(project.world, v, p, h, b))
    assert answer.status == 400
