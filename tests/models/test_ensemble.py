"""An ensemble is as many separate VAEs: what one model gives does not depend on the others."""

import torch
from torch.nn import functional as F

from course_utils.models import VAEEnsemble

SEEDED = torch.Generator().manual_seed(0)
MODELS = VAEEnsemble(3, side=6, latent_dim=2, hidden_dim=5, generator=SEEDED)
X = torch.rand(4, 1, 6, 6, generator=SEEDED)


def test_each_model_is_the_network_of_its_own_weights() -> None:
    mu, logvar = MODELS.encode(X)
    for k in range(3):
        w, b = (
            [p[k].T if p.shape[1] > 1 else p[k, 0] for p in part] for part in (MODELS.weights, MODELS.biases)
        )
        hidden = F.linear(X.flatten(1), w[0], b[0]).relu()
        torch.testing.assert_close(torch.cat([mu[k], logvar[k]], 1), F.linear(hidden, w[1], b[1]))
        logits = F.linear(F.linear(mu[k], w[2], b[2]).relu(), w[3], b[3]).reshape(4, 1, 6, 6)
        torch.testing.assert_close(MODELS.decode(mu)[k], logits)
        torch.testing.assert_close(MODELS.decode_one(k, mu[k]), logits)


def test_a_loss_of_one_model_has_no_gradient_for_another() -> None:
    mu, _ = MODELS.encode(X)
    loss = MODELS.decode(mu)[1].square().sum()
    for gradient in torch.autograd.grad(loss, list(MODELS.parameters())):
        assert gradient[1].abs().max() > 0
        assert gradient[0].abs().max() == gradient[2].abs().max() == 0


def test_the_generator_decides_the_weights() -> None:
    first, again, other = (
        VAEEnsemble(2, side=6, latent_dim=2, generator=torch.Generator().manual_seed(seed))
        for seed in (1, 1, 2)
    )
    assert torch.equal(first.weights[0], again.weights[0])
    assert not torch.equal(first.weights[0], other.weights[0])
    assert not torch.equal(first.weights[0][0], first.weights[0][1])
    assert first.weights[0].abs().max() <= 1 / 6
