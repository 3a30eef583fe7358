"""The traversal playground: what it ranks, where it walks, what it says."""

import pytest
import torch

from course_utils.data import few_shapes
from course_utils.models import VAEEnsemble
from course_utils.widgets import Explorer, traversal_playground
from course_utils.widgets.traversal_playground import correlations, make_figure, ranked_dimensions, walk


@pytest.fixture(scope="module")
def models() -> VAEEnsemble:
    return VAEEnsemble(2, side=12, latent_dim=4, generator=torch.Generator().manual_seed(0))


def test_the_busiest_dimension_comes_first() -> None:
    mu = torch.tensor([[0.0, 2.0, 1.0], [0.0, -2.0, 1.0]])
    order, nats = ranked_dimensions(mu, torch.zeros(2, 3))
    assert order.tolist() == [1, 2, 0]
    torch.testing.assert_close(nats, torch.tensor([2.0, 0.5, 0.0]))  # mu^2 / 2


def test_the_walk_moves_one_coordinate_from_end_to_end() -> None:
    z = torch.tensor([0.3, -1.1, 0.7])
    codes = walk(z, 1, n_steps=5)
    torch.testing.assert_close(codes[:, 1], torch.tensor([-2.0, -1.0, 0.0, 1.0, 2.0]))
    assert torch.equal(codes[:, [0, 2]], z[[0, 2]].expand(5, 2))
    assert torch.equal(z, torch.tensor([0.3, -1.1, 0.7]))


def test_correlations_are_those_of_numpy_and_a_still_code_has_none() -> None:
    _, factors = few_shapes()
    code = factors[:, 1] - 0.5 * factors[:, 2]
    wanted = torch.corrcoef(torch.cat([code[:, None], factors], 1).T)[0, 1:]
    torch.testing.assert_close(correlations(code, factors), wanted)
    assert correlations(torch.full((256,), 0.7), factors).abs().max() < 1e-3


def test_the_picture_is_the_decoded_code(models) -> None:
    x, factors = few_shapes()
    figure, update = make_figure(models, x, factors, [0, 1])
    update(1, 2, 0.5)
    mu, logvar = models.encode(x)
    order, nats = ranked_dimensions(mu[1], logvar[1])
    code = mu[1, 116].detach().clone()
    code[order[1]] = 0.5
    wanted = torch.sigmoid(models.decode_one(1, code[None]))[0, 0]
    seen = torch.as_tensor(figure.axes[0].images[0].get_array().data)
    torch.testing.assert_close(seen, wanted.detach())
    assert [bar.get_width() for bar in update.bars] == pytest.approx(nats.tolist())


def test_the_strip_holds_the_walk_in_order_and_the_frame_its_place(models) -> None:
    x, factors = few_shapes()
    figure, update = make_figure(models, x, factors, [0])
    update(0, 1, -2.0)
    first = torch.as_tensor(figure.axes[1].images[0].get_array().data)[:12, :12]
    torch.testing.assert_close(first, torch.as_tensor(figure.axes[0].images[0].get_array().data))
    update(0, 1, 2.0)
    strip = torch.as_tensor(figure.axes[1].images[0].get_array().data)
    torch.testing.assert_close(strip[-12:, -12:], torch.as_tensor(figure.axes[0].images[0].get_array().data))
    assert update.frame.get_xdata()[0] == 25.5


def test_the_sentence_gives_the_nats_and_the_correlations(models) -> None:
    x, factors = few_shapes()
    _, update = make_figure(models, x, factors, [0])
    sentence = update(0, 1, 0.0)
    assert sentence.startswith("Dimension 1 costs ")
    assert "scale" in sentence
    assert "y " in sentence


def test_choosing_a_model_and_moving_a_slider_redraw(models) -> None:
    explorer = traversal_playground(models, {"1": 0, "4": 1}, start="4")
    assert isinstance(explorer, Explorer)
    assert explorer.values == {"beta": 1, "rank": 1, "value": 1.0}
    pictures = {explorer.set(value=-2.0), explorer.set(rank=3), explorer.set(beta=0)}
    assert len(pictures) == 3
