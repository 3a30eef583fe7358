"""Exercise 6.5: one training step of a VAE."""

from typing import Any

import torch
from torch import Tensor, nn

from course_utils.elbo import elbo_terms, negative_elbo
from course_utils.exercises import Case, Exercise, Mistake, close
from course_utils.exercises.lecture_06.observers import DIRECTION, LENGTH, LOSS, train_step
from course_utils.exercises.observers import Inputs


def vae_train_step(model: nn.Module, optimizer: Any, x: Tensor) -> dict[str, Tensor]:
    """The reference: the loss, its gradients, one step."""
    loss = negative_elbo(x, *model(x))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return {"loss": loss.detach()}


# --- inputs: plain data from a seeded generator ---------------------------------------------------


def _batch(n: int, generator: torch.Generator, *, lr: float, by_sign: bool = False) -> Inputs:
    blocks = torch.rand(n, 1, 7, 7, generator=generator) * (
        torch.rand(n, 1, 7, 7, generator=generator) < 0.15
    )
    x = torch.nn.functional.interpolate(blocks, scale_factor=4)
    seed = int(torch.randint(2**31, (), generator=generator))
    return {"_x": x, "_latent_dim": 5, "_lr": lr, "_by_sign": by_sign, "_seed": seed}


def fifty_images(generator: torch.Generator) -> Inputs:
    return _batch(50, generator, lr=2e-4)


def fifty_images_and_steps_of_one_size(generator: torch.Generator) -> Inputs:
    return _batch(50, generator, lr=1e-3, by_sign=True)


def one_image(generator: torch.Generator) -> Inputs:
    return _batch(1, generator, lr=2e-4)


# --- wrong answers that students give -------------------------------------------------------------


def stale_gradients(model: nn.Module, optimizer: Any, x: Tensor) -> dict[str, Tensor]:
    loss = negative_elbo(x, *model(x))
    loss.backward()
    optimizer.step()
    return {"loss": loss.detach()}


def gradients_cleared_after_backward(model: nn.Module, optimizer: Any, x: Tensor) -> dict[str, Tensor]:
    loss = negative_elbo(x, *model(x))
    loss.backward()
    optimizer.zero_grad()
    optimizer.step()
    return {"loss": loss.detach()}


def without_backward(model: nn.Module, optimizer: Any, x: Tensor) -> dict[str, Tensor]:
    loss = negative_elbo(x, *model(x))
    optimizer.step()
    return {"loss": loss.detach()}


def two_steps(model: nn.Module, optimizer: Any, x: Tensor) -> dict[str, Tensor]:
    result = vae_train_step(model, optimizer, x)
    optimizer.step()
    return result


def uphill(model: nn.Module, optimizer: Any, x: Tensor) -> dict[str, Tensor]:
    loss = negative_elbo(x, *model(x))
    optimizer.zero_grad()
    (-loss).backward()
    optimizer.step()
    return {"loss": loss.detach()}


def the_elbo(model: nn.Module, optimizer: Any, x: Tensor) -> dict[str, Tensor]:
    return {"loss": -uphill(model, optimizer, x)["loss"]}


def sign_of_the_report(model: nn.Module, optimizer: Any, x: Tensor) -> dict[str, Tensor]:
    return {"loss": -vae_train_step(model, optimizer, x)["loss"]}


def without_detach(model: nn.Module, optimizer: Any, x: Tensor) -> dict[str, Tensor]:
    loss = negative_elbo(x, *model(x))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return {"loss": loss}


def _with_loss(loss: Tensor, optimizer: Any) -> dict[str, Tensor]:
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return {"loss": loss.detach()}


def averaged_over_pixels(model: nn.Module, optimizer: Any, x: Tensor) -> dict[str, Tensor]:
    terms = elbo_terms(x, *model(x))
    return _with_loss((terms.kl - terms.log_likelihood / x[0].numel()).mean(), optimizer)


def summed_over_the_batch(model: nn.Module, optimizer: Any, x: Tensor) -> dict[str, Tensor]:
    return _with_loss(negative_elbo(x, *model(x)) * len(x), optimizer)


def kl_missing(model: nn.Module, optimizer: Any, x: Tensor) -> dict[str, Tensor]:
    return _with_loss(-elbo_terms(x, *model(x)).log_likelihood.mean(), optimizer)


def kl_subtracted(model: nn.Module, optimizer: Any, x: Tensor) -> dict[str, Tensor]:
    terms = elbo_terms(x, *model(x))
    return _with_loss(-(terms.log_likelihood + terms.kl).mean(), optimizer)


def mean_decoded(model: nn.Module, optimizer: Any, x: Tensor) -> dict[str, Tensor]:
    mu, logvar = model.encode(x)
    return _with_loss(negative_elbo(x, model.decode(mu), mu, logvar), optimizer)


def draw_without_a_graph(model: nn.Module, optimizer: Any, x: Tensor) -> dict[str, Tensor]:
    mu, logvar = model.encode(x)
    z = torch.distributions.Normal(mu, (0.5 * logvar).exp()).sample()
    return _with_loss(negative_elbo(x, model.decode(z), mu, logvar), optimizer)


def variance_as_deviation(model: nn.Module, optimizer: Any, x: Tensor) -> dict[str, Tensor]:
    mu, logvar = model.encode(x)
    z = mu + logvar.exp() * torch.randn_like(mu)
    return _with_loss(negative_elbo(x, model.decode(z), mu, logvar), optimizer)


def one_noise_for_all(model: nn.Module, optimizer: Any, x: Tensor) -> dict[str, Tensor]:
    mu, logvar = model.encode(x)
    z = mu + (0.5 * logvar).exp() * torch.randn_like(mu[:1])
    return _with_loss(negative_elbo(x, model.decode(z), mu, logvar), optimizer)


def own_descent(model: nn.Module, optimizer: Any, x: Tensor) -> dict[str, Tensor]:
    loss = negative_elbo(x, *model(x))
    optimizer.zero_grad()
    loss.backward()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter -= 1e-3 * parameter.grad
    return {"loss": loss.detach()}


def loss_after_the_step(model: nn.Module, optimizer: Any, x: Tensor) -> dict[str, Tensor]:
    vae_train_step(model, optimizer, x)
    loss = vae_train_step(model, optimizer, x)["loss"]
    return {"loss": loss}


def loss_of_the_new_parameters(model: nn.Module, optimizer: Any, x: Tensor) -> dict[str, Tensor]:
    vae_train_step(model, optimizer, x)
    return {"loss": negative_elbo(x, *model(x)).detach()}


def decoder_only(model: nn.Module, optimizer: Any, x: Tensor) -> dict[str, Tensor]:
    mu, logvar = (part.detach() for part in model.encode(x))
    z = mu + (0.5 * logvar).exp() * torch.randn_like(mu)
    return _with_loss(negative_elbo(x, model.decode(z), mu, logvar), optimizer)


# --- right answers, written independently ---------------------------------------------------------


def with_parts_and_clipping(model: nn.Module, optimizer: Any, x: Tensor) -> dict[str, float]:
    for parameter in model.parameters():
        parameter.grad = None
    logits, mu, logvar = model(x)
    terms = elbo_terms(x, logits, mu, logvar)
    loss = -terms.elbo.mean()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
    optimizer.step()
    return {
        "kl": terms.kl.mean().item(),
        "loss": loss.item(),
        "reconstruction": -terms.log_likelihood.mean().item(),
    }


def own_draw(model: nn.Module, optimizer: Any, x: Tensor) -> dict[str, Tensor]:
    model.train()
    optimizer.zero_grad(set_to_none=True)
    mu, logvar = model.encode(x)
    z = mu + torch.exp(logvar / 2) * torch.randn_like(mu)
    logits = model.decode(z)
    nats = nn.functional.binary_cross_entropy_with_logits(logits, x, reduction="sum")
    nats = nats + 0.5 * (mu.square() + logvar.exp() - 1 - logvar).sum()
    (nats / x.shape[0]).backward()
    optimizer.step()
    return {"loss": (nats / x.shape[0]).detach()}


def gradients_asked_for(model: nn.Module, optimizer: Any, x: Tensor) -> dict[str, float]:
    parameters = list(model.parameters())
    loss = negative_elbo(x, *model(x))
    for parameter, gradient in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
        parameter.grad = gradient
    optimizer.step()
    return {"loss": float(loss)}


def _one_step(seen: Tensor, wanted: Tensor) -> str | None:
    """A whole step, or the part of one that clipping leaves; a mistake's length is its own."""
    if (wanted - 1).abs() > 0.02:
        return close(rtol=0.25)(seen, wanted)
    return None if 1e-6 < seen < 1.02 else f"should be 1, or less where it is clipped, and is {seen:.3g}"


_COMPARE = {LOSS: close(rtol=1e-3), DIRECTION: close(rtol=0, atol=0.01), LENGTH: _one_step}

exercise = Exercise(
    id="vae_train_step",
    lecture=6,
    position=5,
    title="One training step",
    points=3,
    minutes=10,
    difficulty=2,
    reference=vae_train_step,
    cases=(
        Case("fifty images", fifty_images, train_step, _COMPARE),
        Case("another optimizer", fifty_images_and_steps_of_one_size, train_step, _COMPARE),
        Case("a batch of one", one_image, train_step, _COMPARE),
    ),
    mistakes=(
        Mistake(
            "stale_gradients",
            "The gradients of the batch before are still there, and backward() adds to them: clear them before it, "
            "optimizer.zero_grad().",
            stale_gradients,
        ),
        Mistake(
            "cleared_after_backward",
            "The parameters stay where they are: the gradients are cleared between backward() and step(), or one of "
            "the two is missing. Clear, backward, step, in this order.",
            gradients_cleared_after_backward,
        ),
        Mistake(
            "without_backward",
            "backward() is missing: the step follows whatever gradients were left from before.",
            without_backward,
        ),
        Mistake("two_steps", "Two steps are taken. One call, one step of the optimizer.", two_steps),
        Mistake(
            "uphill",
            "The step makes the loss larger: it goes down on minus the loss. Call backward() on the loss itself.",
            uphill,
        ),
        Mistake(
            "the_elbo",
            "The ELBO is minimised here. It is to be made large: minimise the negative ELBO.",
            the_elbo,
        ),
        Mistake(
            "sign_of_the_report",
            "The step is right, and the loss that is returned has the wrong sign: it is the negative ELBO.",
            sign_of_the_report,
        ),
        Mistake(
            "without_detach",
            "The loss is returned with its graph. Whoever keeps it for a curve keeps every step's activations in "
            "memory: return loss.detach() or loss.item().",
            without_detach,
        ),
        Mistake(
            "averaged_over_pixels",
            "The reconstruction is averaged over the pixels, so the KL term weighs 784 times too much. Use "
            "negative_elbo.",
            averaged_over_pixels,
        ),
        Mistake(
            "summed_over_the_batch",
            "The loss is summed over the batch. It is the mean, so that a step does not grow with the batch.",
            summed_over_the_batch,
        ),
        Mistake(
            "kl_missing",
            "Only the reconstruction is trained on: the KL term is missing.",
            kl_missing,
        ),
        Mistake(
            "kl_subtracted",
            "The KL term has the wrong sign in the loss: it is to be made small.",
            kl_subtracted,
        ),
        Mistake(
            "mean_decoded",
            "mu is decoded instead of a draw. Without noise nothing is learned about sigma, and the loss is no bound. "
            "model(x) draws z.",
            mean_decoded,
        ),
        Mistake(
            "draw_without_a_graph",
            "The draw has no graph, so the encoder learns nothing from the reconstruction. model(x) draws by "
            "reparameterisation.",
            draw_without_a_graph,
        ),
        Mistake(
            "variance_as_deviation",
            "exp(logvar) multiplies the noise. It is the variance: sigma = exp(logvar / 2).",
            variance_as_deviation,
        ),
        Mistake(
            "one_noise_for_all",
            "All images of the batch share one noise. Draw in the shape of mu, or let model(x) draw.",
            one_noise_for_all,
        ),
        Mistake(
            "own_descent",
            "The parameters are moved by hand. Use the optimizer that is given: optimizer.step().",
            own_descent,
        ),
        Mistake(
            "loss_after_the_step",
            "Two steps are taken, one of them to compute the loss that is returned. Keep the loss from before the "
            "step.",
            loss_after_the_step,
        ),
        Mistake(
            "loss_of_the_new_parameters",
            "The loss that is returned was computed anew, after the step. Keep the one from before the step: it is "
            "there already.",
            loss_of_the_new_parameters,
        ),
        Mistake(
            "decoder_only",
            "The encoder does not move: mu and logvar are detached.",
            decoder_only,
        ),
    ),
    accepted=(with_parts_and_clipping, own_draw, gradients_asked_for),
    hints=(
        "Five lines that you have seen in every lecture: the model's output, the loss, clear, backward, step.",
        "`logits, mu, logvar = model(x)` draws z on its way. `negative_elbo(x, logits, mu, logvar)` is the loss.",
        "optimizer.zero_grad(), loss.backward(), optimizer.step(), in this order; then return a dictionary whose "
        "'loss' is `loss.item()`.",
    ),
)
