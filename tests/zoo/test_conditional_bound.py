"""The conditional VAE's bound on log p(x), which knows no label, against sums and integrals."""

import math

import pytest
import torch

from course_utils.models import ConditionalMLPDecoder, ConditionalMLPEncoder, ConditionalVAE
from course_utils.zoo import joint_log_weights

LOG_PRIOR = torch.tensor([0.5, 0.3, 0.2]).log()


@pytest.fixture
def model():
    torch.manual_seed(0)
    return ConditionalVAE(ConditionalMLPEncoder(1, 3, 16), ConditionalMLPDecoder(1, 3, 16))


@pytest.fixture
def images():
    return torch.rand(4, 1, 28, 28, generator=torch.Generator().manual_seed(0)).round()


def log_bernoulli(logits, x):
    """log p(x) of images (..., 1, 28, 28), by the textbook's formula."""
    p = logits.double().sigmoid()
    return (x * p.log() + (1 - x) * (1 - p).log()).sum((-1, -2, -3))


@torch.no_grad()
def test_without_a_latent_it_is_the_mixture_over_labels(model, images):
    """A decoder that ignores z and an encoder that is the prior: nothing is lost, one draw is exact."""
    model.decoder[0].weight[:, 0] = 0
    for head in (model.encoder[-1].mu, model.encoder[-1].logvar):
        head.weight.zero_()
        head.bias.zero_()
    bound = joint_log_weights(model, images, LOG_PRIOR).logsumexp(1)
    by_hand = []
    for x in images:
        terms = []
        for label, log_p in enumerate(LOG_PRIOR.tolist()):
            logits = model.decode(torch.zeros(1, 1), torch.tensor([label]))[0]
            terms.append(log_p + log_bernoulli(logits, x).item())
        largest = max(terms)
        by_hand.append(largest + math.log(sum(math.exp(term - largest) for term in terms)))
    assert bound.tolist() == pytest.approx(by_hand, abs=0.01)


@torch.no_grad()
def test_each_entry_is_log_p_of_y_plus_a_log_weight_of_its_own_code(model, images):
    entries = joint_log_weights(model, images, LOG_PRIOR, torch.Generator().manual_seed(5))
    noise = torch.randn(12, 1, generator=torch.Generator().manual_seed(5)).view(4, 3)
    for i, x in enumerate(images):
        for label in range(3):
            mu, logvar = model.encode(x[None], torch.tensor([label]))
            q = torch.distributions.Normal(mu, (logvar / 2).exp())
            z = mu + noise[i, label] * q.stddev
            log_p = log_bernoulli(model.decode(z, torch.tensor([label]))[0], x)
            log_p += torch.distributions.Normal(0, 1).log_prob(z).sum() - q.log_prob(z).sum()
            assert entries[i, label].item() == pytest.approx((LOG_PRIOR[label] + log_p).item(), abs=0.01)


@torch.no_grad()
def test_it_lies_below_the_integral_and_its_weights_have_the_right_mean(model, images):
    model.decoder[0].weight[:, 0] *= 4  # so that the code matters
    grid, log_step = torch.linspace(-6, 6, 601), math.log(12 / 600)
    log_normal = torch.distributions.Normal(0.0, 1.0).log_prob(grid)
    exact = torch.zeros(4)
    for i, x in enumerate(images):
        by_label = [
            log_p + (log_bernoulli(model.decode(grid[:, None], torch.full((601,), label)), x) + log_normal)
            .logsumexp(0) + log_step
            for label, log_p in enumerate(LOG_PRIOR)
        ]  # fmt: skip
        exact[i] = torch.stack(by_label).logsumexp(0)

    generator = torch.Generator().manual_seed(0)
    bounds = torch.stack(
        [joint_log_weights(model, images, LOG_PRIOR, generator).logsumexp(1) for _ in range(4000)]
    )
    weights = (bounds - exact).exp()  # unbiased: their mean is 1
    assert (bounds.mean(0) < exact).all()
    assert ((weights.mean(0) - 1).abs() < 4 * weights.std(0) / 4000**0.5).all()
    assert (weights.std(0) < 3).all()  # else the line above says little
