"""The player of Gibbs steps: its chain against the model's own law, its picture and sentence."""

import numpy as np
import pytest
import torch

from course_utils.models import RBM, free_energy
from course_utils.widgets import Explorer, gibbs_player
from course_utils.widgets.gibbs_player import N_FRAMES, example_machine, gibbs_chain, make_figure


def test_a_chain_has_the_frequencies_of_its_machine() -> None:
    """Two visible units, one hidden: p(v) by adding up; 20,000 steps of a chain that mixes in one."""
    machine = RBM(2, 1)
    with torch.no_grad():
        machine.W.copy_(torch.tensor([[1.0], [-0.5]]))
        machine.b.copy_(torch.tensor([0.3, -0.2]))
    chain = gibbs_chain(machine, torch.zeros(2), 20_000)
    states = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    wanted = torch.softmax(-machine.free_energy(states), 0).detach().numpy()
    seen = np.bincount((chain.visible @ [2, 1]).astype(int), minlength=4) / len(chain.visible)
    # standard errors are below 0.004, and consecutive states are a little correlated
    np.testing.assert_allclose(seen, wanted, atol=0.025)


def test_the_frames_of_a_chain_belong_together() -> None:
    machine, starts = example_machine()
    chain = gibbs_chain(machine, starts["a bar"], 12)
    np.testing.assert_array_equal(chain.visible[0], starts["a bar"].numpy())
    with torch.no_grad():
        p = (torch.tensor(chain.hidden) @ machine.W.T + machine.b).sigmoid()
        energy = free_energy(torch.tensor(chain.visible), machine.W, machine.b, machine.c)
    np.testing.assert_allclose(chain.probabilities, p, rtol=1e-5)
    np.testing.assert_allclose(chain.energy, energy, rtol=1e-5)


def test_the_picture_follows_the_player() -> None:
    machine, starts = example_machine()
    figure, update = make_figure(machine, starts)
    sentence = update("noise", 5)
    chain = gibbs_chain(machine, starts["noise"], seed=1)
    np.testing.assert_array_equal(figure.axes[0].images[0].get_array(), chain.visible[5].reshape(3, 3))
    line = figure.axes[3].lines[0]
    assert len(line.get_xdata()) == 6
    assert line.get_ydata()[-1] == pytest.approx(chain.energy[5])
    assert sentence.startswith("Step 5 from noise: free energy")


def test_playing_redraws() -> None:
    explorer = gibbs_player()
    assert isinstance(explorer, Explorer)
    assert explorer.set(frame=0, start="a bar") != explorer.set(frame=N_FRAMES - 1, start="noise")
