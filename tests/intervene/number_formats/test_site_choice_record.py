"""What was chosen becomes what numpy says it should, without anything else being held."""

import numpy as np
import pytest
import torch
from torch_geometric.data import Data

import edgescope as es
from edgescope.intervene.activation_choice import selector
from edgescope.intervene.number_formats.site_choice_record import Choices, untrained_limits
from edgescope.intervene.replay import Passes
from edgescope.lib.errors import InputError
from edgescope.lib.model_call import call_model
from support.planted_overflow import PlantedOverflow, loader

SITE = "attention:score"


def values_at(model):
    found = []
    with torch.no_grad():
        for batch in loader():
            with es.capture(model.eval(), SITE) as tape:
                call_model(model, batch)
            found.append(tape[SITE].values.double().flatten(1).numpy())
    return np.concatenate(found)


def chosen_in(model, mask):
    choices = Choices(selector(mask), [SITE], skip_scalars=False)
    Passes(model, list(loader()), call_model).observed([SITE], choices.take, "", progress=False)
    return choices


def large(found):
    return found.values.abs() > 1


def test_the_mean_is_over_the_others_of_the_same_channel():
    model = PlantedOverflow()
    values = values_at(model)
    mask = np.abs(values) > 1
    choices = chosen_in(model, large)
    assert choices.number == mask.sum() > 0
    mean = np.nanmean(np.where(mask, np.nan, values), axis=0)
    found = choices.at_mean()[SITE]
    assert found.places.tolist() == np.flatnonzero(mask).tolist()
    assert found.values.numpy() == pytest.approx(mean[np.nonzero(mask)[1]])
    clipped = choices.clipped({SITE: 2.0})[SITE]
    assert clipped.values.numpy() == pytest.approx(np.clip(values[mask], -2, 2))


def test_where_all_of_a_channel_is_chosen_there_is_no_mean():
    everything = chosen_in(PlantedOverflow(), lambda found: found.values.isfinite())
    with pytest.raises(InputError, match="no activation of a head and channel is left"):
        everything.at_mean()


@pytest.mark.parametrize("quantile", [0.5, 0.9, 0.999, 1.0])
def test_the_untrained_limit_is_the_quantile_up_to_the_width_of_a_bin(quantile):
    model = PlantedOverflow(0.5)
    magnitudes = np.abs(values_at(model)).ravel()
    passes = Passes(model, list(loader()), call_model)
    limit = untrained_limits(passes, [SITE], quantile, progress=False)[SITE]
    exact = np.quantile(magnitudes, quantile, method="inverted_cdf")
    assert exact <= limit * (1 + 1e-6)
    assert limit <= min(exact * 1.008, magnitudes.max() * (1 + 1e-6))


def test_an_untrained_model_without_edges_has_no_limit():
    empty = Data(x=torch.tensor([0]), edge_index=torch.zeros(2, 0).long(), edge_attr=torch.zeros(0))
    empty.batch = torch.tensor([0])
    passes = Passes(PlantedOverflow(), [empty], call_model)
    with pytest.raises(InputError, match="no activation at attention:score"):
        untrained_limits(passes, [SITE], 1.0, progress=False)


def test_a_site_where_nothing_is_chosen_needs_no_limit():
    assert chosen_in(PlantedOverflow(), large).sites == [SITE]
    assert chosen_in(PlantedOverflow(), lambda found: found.values.abs() < 0).sites == []
