"""Cells as Ray tasks: the same tables, also if a worker is killed on the way."""

import os
import signal
import sys
import threading
import types

import pytest

import edgescope as es
from edgescope.cli.study import with_ray_address
from edgescope.lib.errors import InputError, MissingExtraError
from edgescope.study import study_tables as tables
from support.waiting import wait_for


@pytest.fixture(autouse=True)
def _signals():
    """Take back the handler that Ray leaves."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def test_a_study_leaves_the_handler_of_sigterm_as_it_was(describe, tmp_path, monkeypatch):
    class Ray(types.ModuleType):
        """Changes the handler as Ray does, and has no node."""

        is_initialized, shutdown, nodes = bool, (lambda _: None), (lambda _: [])

        def init(self, **_):
            signal.signal(signal.SIGTERM, lambda number, _: sys.exit(number))

    monkeypatch.setitem(sys.modules, "ray", Ray("ray"))
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(InputError, match="no node at local has more than 0 CPUs"):
        es.study.run(es.study.read(describe()), tmp_path, ray="local", progress=False)
    assert signal.getsignal(signal.SIGTERM) is before


def test_without_ray_the_message_names_the_command(describe, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'edgescope\[ray\]'"):
        es.study.run(es.study.read(describe()), tmp_path, ray="local", progress=False)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("study run --ray", "study run --ray local"),
        ("study run --ray s.yaml --out d", "study run --ray local s.yaml --out d"),
        ("study run --ray auto s.yaml", "study run --ray auto s.yaml"),
        ("study run s.yaml --ray 10.0.0.1:6379", "study run s.yaml --ray 10.0.0.1:6379"),
    ],
)
def test_the_address_may_be_left_out(given, meant):
    assert with_ray_address(given.split()) == meant.split()


@pytest.mark.slow
def test_a_killed_ray_worker_is_started_again_and_goes_on_to_the_same_tables(
    describe, finished, tmp_path, monkeypatch
):
    import ray

    # By default workers are so nice that on a busy machine they hardly run.
    monkeypatch.setenv("RAY_worker_niceness", "0")
    ray.init(address="local", num_cpus=2, log_to_driver=False, include_dashboard=False)
    try:
        killed, ended = [], threading.Event()

        def kill_a_worker():
            pattern = "cells/*-trained-*/checkpoints/last.ckpt"
            wait_for(lambda: any(tmp_path.glob(pattern)), ended)
            started = next(tmp_path.glob(pattern))
            for line in (started.parents[1] / "log.txt").read_text().splitlines():
                if line.startswith("process "):
                    killed.append(int(line.split()[1]))
                    os.kill(killed[-1], signal.SIGKILL)

        killer = threading.Thread(target=kill_a_worker)
        killer.start()
        try:
            endings = es.study.run(es.study.read(describe()), tmp_path, ray="local", progress=False)
        finally:
            ended.set()
            killer.join()
        with pytest.raises(InputError, match=r"takes 99 threads and no node .* more than 2 CPUs"):
            es.study.run(
                es.study.read(describe(threads=99, seeds=[7])), tmp_path / "x", ray="local"
            )
    finally:
        ray.shutdown()
    assert killed
    assert {ending.status for ending in endings} == {"done"}
    log = next(tmp_path.glob("cells/*-trained-*/log.txt"))
    assert any(p.read_text().count("process ") > 1 for p in log.parents[1].glob("*/log.txt"))
    found, expected = es.study.load(tmp_path), es.study.load(finished)
    assert tables.cells(found).equals(tables.cells(expected))
    assert tables.layers(found).equals(tables.layers(expected))
