"""Every program of ours has chosen gRPC's engine before gRPC is imported, which is when gRPC reads the choice."""

import os
import subprocess
import sys

import pytest

from cluster import GRPC
from tests.running import ROOT, environment

SPY = f"""
import os, sys
from importlib.abc import MetaPathFinder

class Spy(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "grpc":
            print(os.environ.get("{GRPC}"))

sys.meta_path.insert(0, Spy())
__import__(sys.argv[1])
import grpc
"""


@pytest.mark.parametrize("given", [None, "", "mine"])
@pytest.mark.parametrize("entry", ["ops.cli.main", "ops.roles.table", "ops.roles.shard", "cluster.hosting.ray.process"])
def test_the_engine_is_chosen_before_grpc_is_imported(entry: str, given: str | None) -> None:
    environ = {key: value for key, value in environment().items() if key != GRPC}
    environ |= {} if given is None else {GRPC: given}
    done = subprocess.run(
        [sys.executable, "-c", SPY, entry], cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.strip() == (given or os.environ[GRPC]), done.stderr
