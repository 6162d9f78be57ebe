"""What serves an environment beside its runs is found and ended with it, whatever it is; what is dead is not there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from core.environment import Environment, Home, companions

SERVING = """
import signal, sys
from core.environment import Environment, Home, companions
lock = companions.join(Environment.load(Home.find(), "demo"), sys.argv[1])
signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
print("up", flush=True)
signal.pause()
"""


def serving(name: str) -> subprocess.Popen[bytes]:
    child = subprocess.Popen([sys.executable, "-P", "-c", SERVING, name], stdout=subprocess.PIPE, env=os.environ)
    assert child.stdout is not None
    assert child.stdout.readline() == b"up\n"
    return child


def test_what_serves_an_environment_is_asked_to_end_and_waited_for(home: Home) -> None:
    environment = Environment.new(home, "demo", cloud="google", given={"project_id": "a-project-of-mine"}).save()
    assert companions.end(environment) == []
    alive, killed = serving("tunnel work"), serving("tunnel dead")
    killed.send_signal(signal.SIGKILL)
    killed.wait()

    assert companions.end(environment) == ["tunnel work"]
    assert alive.wait(60) == 7, "it was asked, and ended by itself"
    assert companions.end(environment) == []
