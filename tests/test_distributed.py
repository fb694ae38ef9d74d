"""Two processes under torch.distributed give exactly what one process gives."""

import pytest
import torch
from torch.multiprocessing import spawn

import edgescope as es
from edgescope.lib.errors import InputError
from edgescope.scanning.merge import gather_scans
from support.distributed_workers import LAYOUT, batches, job
from support.scan_equality import differences, numbered_graphs, small_model, small_scan


@pytest.fixture(
    scope="module", params=[([0, 3, 5, 1], [4, 2]), (range(6), ())], ids=["uneven", "one empty"]
)
def folder(request, tmp_path_factory):
    """What two processes wrote that had these graphs."""
    folder = tmp_path_factory.mktemp("processes")
    spawn(job, (folder, request.param), nprocs=2)
    return folder


@pytest.mark.slow
def test_the_synced_metric_is_that_of_one_process(folder):
    alone = es.MassiveActivations(**LAYOUT)
    for batch in batches():
        alone.update(*batch)
    expected = alone.compute()
    for rank in range(2):
        found = torch.load(folder / f"metric {rank}", weights_only=True)
        assert found.pop("maxima").equal(expected.maxima)
        assert found.keys() == expected.counts.keys()
        assert all(counter.equal(expected.counts[name]) for name, counter in found.items())


@pytest.mark.slow
def test_the_gathered_scan_is_that_of_one_process(folder):
    expected = small_scan(small_model(factor=3000.0), numbered_graphs(6), baseline=small_model(1))
    for rank in range(2):
        assert not differences(es.load_scan(folder / f"scan {rank}"), expected)


def test_gathering_outside_a_job_is_refused():
    with pytest.raises(InputError, match="init_process_group"):
        gather_scans(None)
