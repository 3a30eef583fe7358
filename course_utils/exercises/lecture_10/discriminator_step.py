"""Exercise 10.5: one step of the discriminator, and none of the generator."""

from typing import Any

import torch
from torch import Generator, Tensor, nn

from course_utils.adversarial import discriminator_loss, discriminator_step, frozen, gan_value, generator_loss
from course_utils.exercises import Case, Exercise, Mistake, close
from course_utils.exercises.lecture_10.observers import LOSS, STEP, discriminator_moves
from course_utils.exercises.observers import Inputs

# --- inputs: plain data from a seeded generator ---------------------------------------------------


def _players(
    batch: int,
    *shape: int,
    generator: Generator,
    by_sign: bool = False,
    column: bool = False,
    latent: int = 3,
) -> Inputs:
    dim, hidden = torch.Size(shape).numel(), 6

    def normal(*size: int) -> Tensor:
        return torch.randn(*size, generator=generator)

    return {
        "_real": normal(batch, *shape) + 0.8,
        "_z": normal(batch, latent),
        "_z_to_hidden": normal(latent, hidden),
        "_hidden_to_x": 0.5 * normal(hidden, dim),
        "_x_shift": 0.3 * normal(dim),
        "_x_to_hidden": normal(dim, hidden) / dim**0.5,
        "_hidden_to_logit": normal(hidden),
        "_logit_shift": 0.5 + 0.2 * normal(1),
        "_column": column,
        "_by_sign": by_sign,
        "_lr": 0.05,
        "_seed": int(torch.randint(2**31, (), generator=generator)),
    }


def points_in_the_plane(generator: Generator) -> Inputs:
    return _players(16, 2, generator=generator)


def logits_in_a_column(generator: Generator) -> Inputs:
    return _players(12, 3, generator=generator, column=True)


def small_images_by_sign(generator: Generator) -> Inputs:
    return _players(8, 1, 4, 4, generator=generator, by_sign=True)


def one_example(generator: Generator) -> Inputs:
    return _players(1, 5, generator=generator)


# --- wrong answers that students give -------------------------------------------------------------


def _by(loss: Tensor, optimizer: Any) -> Tensor:
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.detach()


def without_detach(d: nn.Module, g: nn.Module, optimizer: Any, real: Tensor, z: Tensor) -> Tensor:
    return _by(discriminator_loss(d(real), d(g(z))), optimizer)


def generator_cleared(d: nn.Module, g: nn.Module, optimizer: Any, real: Tensor, z: Tensor) -> Tensor:
    loss = without_detach(d, g, optimizer, real, z)
    g.zero_grad()
    return loss


def both_move(d: nn.Module, g: nn.Module, optimizer: Any, real: Tensor, z: Tensor) -> Tensor:
    for parameter in g.parameters():
        parameter.grad = None
    loss = without_detach(d, g, optimizer, real, z)
    with torch.no_grad():
        for parameter in g.parameters():
            if parameter.grad is not None:
                parameter += 0.05 * parameter.grad
    return loss


def left_frozen(d: nn.Module, g: nn.Module, optimizer: Any, real: Tensor, z: Tensor) -> Tensor:
    g.requires_grad_(False)
    return without_detach(d, g, optimizer, real, z)


def all_thawed(d: nn.Module, g: nn.Module, optimizer: Any, real: Tensor, z: Tensor) -> Tensor:
    loss = left_frozen(d, g, optimizer, real, z)
    g.requires_grad_(True)
    return loss


def left_in_eval(d: nn.Module, g: nn.Module, optimizer: Any, real: Tensor, z: Tensor) -> Tensor:
    g.eval()
    return discriminator_step(d, g, optimizer, real, z)


def stale_gradients(d: nn.Module, g: nn.Module, optimizer: Any, real: Tensor, z: Tensor) -> Tensor:
    loss = discriminator_loss(d(real), d(g(z).detach()))
    loss.backward()
    optimizer.step()
    return loss.detach()


def cleared_after_backward(d: nn.Module, g: nn.Module, optimizer: Any, real: Tensor, z: Tensor) -> Tensor:
    loss = discriminator_loss(d(real), d(g(z).detach()))
    loss.backward()
    optimizer.zero_grad()
    optimizer.step()
    return loss.detach()


def without_backward(d: nn.Module, g: nn.Module, optimizer: Any, real: Tensor, z: Tensor) -> Tensor:
    loss = discriminator_loss(d(real), d(g(z).detach()))
    optimizer.step()
    return loss.detach()


def swapped(d: nn.Module, g: nn.Module, optimizer: Any, real: Tensor, z: Tensor) -> Tensor:
    return _by(discriminator_loss(d(g(z).detach()), d(real)), optimizer)


def uphill(d: nn.Module, g: nn.Module, optimizer: Any, real: Tensor, z: Tensor) -> Tensor:
    return _by(gan_value(d(real), d(g(z).detach())), optimizer)


def loss_made_large(d: nn.Module, g: nn.Module, optimizer: Any, real: Tensor, z: Tensor) -> Tensor:
    return -_by(-discriminator_loss(d(real), d(g(z).detach())), optimizer)


def sign_of_the_report(d: nn.Module, g: nn.Module, optimizer: Any, real: Tensor, z: Tensor) -> Tensor:
    return -discriminator_step(d, g, optimizer, real, z)


def logits_detached(d: nn.Module, g: nn.Module, optimizer: Any, real: Tensor, z: Tensor) -> Tensor:
    return _by(discriminator_loss(d(real), d(g(z)).detach()), optimizer)


def sigmoid_twice(d: nn.Module, g: nn.Module, optimizer: Any, real: Tensor, z: Tensor) -> Tensor:
    return _by(discriminator_loss(d(real).sigmoid(), d(g(z).detach()).sigmoid()), optimizer)


def generators_loss(d: nn.Module, g: nn.Module, optimizer: Any, real: Tensor, z: Tensor) -> Tensor:
    return _by(generator_loss(d(g(z).detach())), optimizer)


def one_half(d: nn.Module, g: nn.Module, optimizer: Any, real: Tensor, z: Tensor) -> Tensor:
    return _by(0.5 * discriminator_loss(d(real), d(g(z).detach())), optimizer)


def stepped_twice(d: nn.Module, g: nn.Module, optimizer: Any, real: Tensor, z: Tensor) -> Tensor:
    loss = discriminator_step(d, g, optimizer, real, z)
    optimizer.step()
    return loss


def two_steps(d: nn.Module, g: nn.Module, optimizer: Any, real: Tensor, z: Tensor) -> Tensor:
    loss = discriminator_step(d, g, optimizer, real, z)
    discriminator_step(d, g, optimizer, real, z)
    return loss


def one_step_for_each_batch(d: nn.Module, g: nn.Module, optimizer: Any, real: Tensor, z: Tensor) -> Tensor:
    first = _by(nn.functional.softplus(-d(real)).mean(), optimizer)
    return first + _by(nn.functional.softplus(d(g(z).detach())).mean(), optimizer)


def loss_after_the_step(d: nn.Module, g: nn.Module, optimizer: Any, real: Tensor, z: Tensor) -> Tensor:
    discriminator_step(d, g, optimizer, real, z)
    with torch.no_grad():
        return discriminator_loss(d(real), d(g(z)))


def own_noise(d: nn.Module, g: nn.Module, optimizer: Any, real: Tensor, z: Tensor) -> Tensor:
    return discriminator_step(d, g, optimizer, real, torch.randn_like(z))


def own_descent(d: nn.Module, g: nn.Module, optimizer: Any, real: Tensor, z: Tensor) -> Tensor:
    loss = discriminator_loss(d(real), d(g(z).detach()))
    optimizer.zero_grad()
    loss.backward()
    with torch.no_grad():
        for parameter in d.parameters():
            parameter -= 1e-3 * parameter.grad
    return loss.detach()


def half_of_z(d: nn.Module, g: nn.Module, optimizer: Any, real: Tensor, z: Tensor) -> Tensor:
    return discriminator_step(d, g, optimizer, real, z[: (len(z) + 1) // 2])


# --- right answers, written independently ---------------------------------------------------------


def with_detach(d: nn.Module, g: nn.Module, optimizer: Any, real: Tensor, z: Tensor) -> Tensor:
    optimizer.zero_grad()
    fake = g(z).detach()
    loss = discriminator_loss(d(real), d(fake))
    loss.backward()
    optimizer.step()
    return loss


def in_one_batch(d: nn.Module, g: nn.Module, optimizer: Any, real: Tensor, z: Tensor) -> float:
    with torch.no_grad():
        both = torch.cat([real, g(z)])
    logits = d(both)
    loss = -gan_value(logits[: len(real)], logits[len(real) :])
    optimizer.zero_grad(set_to_none=False)
    loss.backward()
    optimizer.step()
    return loss.item()


def one_backward_for_each_batch(
    d: nn.Module, g: nn.Module, optimizer: Any, real: Tensor, z: Tensor
) -> Tensor:
    optimizer.zero_grad()
    on_real = nn.functional.softplus(-d(real)).mean()
    on_real.backward()
    with frozen(g):
        on_fake = nn.functional.softplus(d(g(z))).mean()
        on_fake.backward()
    optimizer.step()
    return on_real.detach() + on_fake.detach()


def by_closure(d: nn.Module, g: nn.Module, optimizer: Any, real: Tensor, z: Tensor) -> Tensor:
    fake = g(z).detach()

    def loss() -> Tensor:
        optimizer.zero_grad()
        nats = discriminator_loss(d(real), d(fake))
        nats.backward()
        return nats

    return optimizer.step(loss).detach()


_COMPARE = {LOSS: close(), STEP: close(rtol=5e-3, atol=2e-4)}

exercise = Exercise(
    id="discriminator_step",
    lecture=10,
    position=5,
    title="One step of the discriminator",
    points=3,
    minutes=10,
    difficulty=2,
    reference=discriminator_step,
    cases=(
        Case("points in the plane", points_in_the_plane, discriminator_moves, _COMPARE),
        Case("logits of shape (B, 1)", logits_in_a_column, discriminator_moves, _COMPARE),
        Case("images, and another optimizer", small_images_by_sign, discriminator_moves, _COMPARE),
        Case("a batch of one", one_example, discriminator_moves, _COMPARE),
    ),
    mistakes=(
        Mistake(
            "without_detach",
            "Gradients run on through the fakes and are added to those of the generator, where its own step would "
            "find them. Cut the graph: generator(z).detach(), or make the fakes under torch.no_grad().",
            without_detach,
        ),
        Mistake(
            "generator_cleared",
            "The generator's gradients are wiped out, those from before included. Leave them alone: make the fakes "
            "without a graph, and there is nothing to clear.",
            generator_cleared,
        ),
        Mistake(
            "both_move",
            "The generator moves, too. This is the discriminator's step; the generator only lends its samples.",
            both_move,
        ),
        Mistake(
            "left_frozen",
            "The generator's parameters no longer require gradients afterwards, so it would never learn again. "
            "Detach its samples instead.",
            left_frozen,
        ),
        Mistake(
            "all_thawed",
            "Afterwards all parameters of the generator require gradients, also one that was frozen before. Leave the "
            "flags alone, and detach the samples.",
            all_thawed,
        ),
        Mistake(
            "left_in_eval",
            "The generator is left in eval mode. It has to go on training, and batch normalisation works otherwise "
            "there: leave the mode as it is.",
            left_in_eval,
        ),
        Mistake(
            "stale_gradients",
            "The discriminator's gradients from before are still there, those of the generator's step among them: "
            "optimizer.zero_grad() before backward().",
            stale_gradients,
        ),
        Mistake(
            "cleared_after_backward",
            "The discriminator is where it was: when its step comes there is no gradient to follow, or no step comes. "
            "The order is optimizer.zero_grad(), loss.backward(), optimizer.step().",
            cleared_after_backward,
        ),
        Mistake(
            "without_backward",
            "backward() is missing: the step follows whatever gradients were left from before.",
            without_backward,
        ),
        Mistake(
            "swapped",
            "Real and fake are exchanged: the discriminator learns to call fakes real.",
            swapped,
        ),
        Mistake(
            "uphill",
            "The value of the game is minimised. The discriminator makes it large: minimise discriminator_loss.",
            uphill,
        ),
        Mistake(
            "loss_made_large",
            "The step goes uphill, and makes the loss large: backward() starts from minus the loss.",
            loss_made_large,
        ),
        Mistake(
            "sign_of_the_report",
            "The step is right, and what is returned has the wrong sign: it is the loss, not the value.",
            sign_of_the_report,
        ),
        Mistake(
            "logits_detached",
            "The fakes' logits are detached, so the discriminator learns nothing from the fakes. Detach the samples, "
            "before the discriminator sees them.",
            logits_detached,
        ),
        Mistake(
            "sigmoid_twice",
            "The sigmoid is taken twice: discriminator_loss wants logits.",
            sigmoid_twice,
        ),
        Mistake(
            "generators_loss",
            "This is the generator's loss, on the discriminator's parameters: it learns to be fooled.",
            generators_loss,
        ),
        Mistake("one_half", "There is a factor one half. Take discriminator_loss as it is.", one_half),
        Mistake("stepped_twice", "The step is taken twice. One call, one step.", stepped_twice),
        Mistake("two_steps", "Two steps are taken. One call, one step.", two_steps),
        Mistake(
            "one_step_for_each_batch",
            "A step is taken after either batch. Add the two terms, or the two gradients, and step once.",
            one_step_for_each_batch,
        ),
        Mistake(
            "loss_after_the_step",
            "This is the loss after the step. Return the one that the step was taken on.",
            loss_after_the_step,
        ),
        Mistake(
            "own_noise",
            "New noise is drawn. Make the fakes from the z that is given.",
            own_noise,
        ),
        Mistake(
            "half_of_z",
            "Only a part of z is used. There are as many fakes as real examples.",
            half_of_z,
        ),
        Mistake(
            "own_descent",
            "The parameters are moved by hand. Use the optimizer that is given: optimizer.step().",
            own_descent,
        ),
    ),
    accepted=(with_detach, in_one_batch, one_backward_for_each_batch, by_closure),
    hints=(
        "Make the fakes, compute the loss, clear, backward, step. Which of these could reach the generator?",
        "`generator(z).detach()`, or `with torch.no_grad():` around it, gives samples without a past.",
        "loss = discriminator_loss(discriminator(real), discriminator(fake)); clear the optimizer's gradients, go "
        "backwards from the loss, let the optimizer step; return loss.detach().",
    ),
)
