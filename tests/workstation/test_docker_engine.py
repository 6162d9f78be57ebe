"""What the tests' own Docker engine can do, since others stand on it."""

from __future__ import annotations

import docker_engine


def test_it_runs_and_builds_from_its_one_image(docker_running: docker_engine.Engine) -> None:
    said = docker_running.docker("run", "--rm", docker_engine.IMAGE, "id", "-u")
    assert said.strip() == "0"
    recipe = f"FROM {docker_engine.IMAGE}\nRUN echo built > /made\nUSER dev\n"
    docker_running.docker("build", "--tag", "localhost/built", "-", input=recipe.encode())
    assert docker_running.docker("run", "--rm", "localhost/built", "cat", "/made").strip() == "built"
