"""Every setting reaches the process that it is measured in, and none reaches another."""

import os
from functools import partial

import pytest
import torch

from grokbook import experiment
from grokbook.benchmarks import settings


def reading(switch=None):
    """Build what tells the settings of the process it runs in."""
    if switch is not None:
        switch()
    return {
        "environment": partial(dict, os.environ),
        "oneDNN": lambda: torch.backends.mkldnn.enabled,
        "denormal": lambda: float(torch.full((100_000,), 1e-30).mul(1e-10).max()),
    }


SWITCHED = {"oneDNN off": ("oneDNN", False), "denormals flushed": ("denormal", 0.0)}


@pytest.mark.parametrize("setting", settings.SETTINGS, ids=lambda setting: setting.name)
def test_a_setting_reaches_its_process_and_no_other(setting):
    before = dict(os.environ)
    with settings.elsewhere(partial(reading, setting.switch), setting.environment) as call:
        assert setting.environment.items() <= call("environment").items()
        found = {name: call(name) for name in ("oneDNN", "denormal")}
    name, value = SWITCHED.get(setting.name, ("oneDNN", True))
    assert found.pop(name) == value
    assert found.get("denormal", 1.0) > 0 and found.get("oneDNN", True)
    assert bool(setting.environment) + (setting.switch is not None) == (
        setting.name != settings.OWN
    ), "a setting says one thing"
    assert dict(os.environ) == before
    assert torch.backends.mkldnn.enabled and reading()["denormal"]() > 0


def test_a_process_that_dies_ends_the_recording():
    dying = partial(dict, end=partial(os._exit, 3))
    with settings.elsewhere(dying, {}) as call, pytest.raises(EOFError):
        call("end")


def test_the_step_is_the_package_s():
    recipe = experiment("mnist-standard", "smoke")
    steps = settings.trainings({"some": recipe}, None)
    weight = steps["some"].__self__.network.first_weight
    before = weight.detach().clone()
    steps["some"]()
    assert not torch.equal(before, weight)
