"""The lab leaves nothing behind, however it ends."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

from tests.lab.sites import Lab
from tests.lab.space import ROOT

GONE_S = 10.0
STORY = """
import time
from tests.lab.space import Space
with Space("crash") as space:
    space.add("inside")
    child = space.start("inside", ["sleep", "600"])
    print(space.pid, child.pid, flush=True)
    time.sleep(600)
"""


def test_lab_that_is_killed_takes_its_namespaces_and_processes_with_it(lab: Lab) -> None:
    del lab  # only to skip this where no lab is possible
    story = subprocess.Popen(
        [sys.executable, "-c", STORY], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert story.stdout is not None
    pids = [int(word) for word in story.stdout.readline().split()]
    ends = [os.pidfd_open(pid) for pid in pids]
    story.kill()
    story.wait()
    story.stdout.close()
    for end in ends:
        assert select.select([end], [], [], GONE_S)[0], "still there"
        os.close(end)


def test_lab_has_no_way_out(lab: Lab) -> None:
    lab.public("alone", ["192.0.2.77"])
    links = lab.space.run("alone", ["ip", "-o", "link"])
    assert sorted(line.split(": ")[1] for line in links.splitlines()) == ["lo", "wan"]
    namespace = Path(f"/proc/{lab.space.pid}/ns/net")
    assert namespace.readlink() != Path("/proc/self/ns/net").readlink()


def test_process_started_in_the_lab_can_be_ended_by_itself(lab: Lab) -> None:
    lab.public("worker", ["192.0.2.78"])
    child = lab.space.start("worker", ["sleep", "600"])
    child.terminate()
    assert child.wait(GONE_S) == -signal.SIGTERM
