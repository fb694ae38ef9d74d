"""Data that the tests of scanning share."""

import pytest

import edgescope as es


@pytest.fixture(scope="session")
def molecules():
    return es.data.load("solubility", progress=False).test[:20]
