import torch

from course_utils.elbo import negative_elbo
from course_utils.models import VAE, MLPDecoder, MLPEncoder
from tests.benchmarks.by_hand import ByHand
from tests.benchmarks.usual import LR


def test_the_step_by_hand_is_the_step_of_autograd():
    """Loss and parameters after each of three steps, on the same images and noise."""
    torch.manual_seed(0)
    model = VAE(MLPEncoder(20), MLPDecoder(20))
    by_hand = ByHand(model, batch=16)
    optimizer = torch.optim.Adam(model.parameters(), lr=LR)
    for seed in range(3):
        x = torch.rand(16, 1, 28, 28)
        noise = torch.randn(16, 20, generator=torch.Generator().manual_seed(seed))
        loss = negative_elbo(x, *model(x, torch.Generator().manual_seed(seed)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        torch.testing.assert_close(by_hand.step(x.flatten(1), noise), loss.detach(), rtol=1e-5, atol=0)
        w1, b1, mu_w, mu_b, logvar_w, logvar_b, *others = (p.detach() for p in model.parameters())
        wanted = [w1, b1, torch.cat([mu_w, logvar_w]), torch.cat([mu_b, logvar_b]), *others]
        for seen, parameter in zip(by_hand.parameters, wanted, strict=True):
            torch.testing.assert_close(seen, parameter, rtol=1e-3, atol=2e-5)
