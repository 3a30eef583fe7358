"""Exercise 9.2: everybody is classified, only the target class is reconstructed."""

import torch
from torch import Generator, Tensor

from course_utils.exercises import Case, Exercise, Mistake
from course_utils.exercises.observers import Inputs, value_and_gradients
from course_utils.models import debiasing_vae_loss

# --- inputs: plain data from a seeded generator ---------------------------------------------------


def _losses(is_target: Tensor, generator: Generator, dtype: torch.dtype = torch.float32) -> Inputs:
    n = len(is_target)
    return {
        "classification_loss": 0.2 + 2 * torch.rand(n, generator=generator, dtype=dtype),
        "vae_loss": 3.0 + 5 * torch.rand(n, generator=generator, dtype=dtype),
        "is_target": is_target,
        "_gradients_of": ["classification_loss", "vae_loss"],
    }


def _mask(n: int, n_target: int, generator: Generator) -> Tensor:
    return torch.randperm(n, generator=generator) < n_target


def a_mixed_batch(generator: Generator) -> Inputs:
    return _losses(_mask(10, 3, generator), generator)


def a_float_mask_in_float64(generator: Generator) -> Inputs:
    return _losses(_mask(9, 6, generator).double(), generator, torch.float64)


def no_target(generator: Generator) -> Inputs:
    return {k: v for k, v in _losses(_mask(6, 0, generator), generator).items() if k != "_gradients_of"}


def all_target(generator: Generator) -> Inputs:
    return _losses(_mask(5, 5, generator), generator)


def one_target(generator: Generator) -> Inputs:
    return _losses(torch.tensor([True]), generator)


# --- wrong answers that students give -------------------------------------------------------------


def mean_over_targets(classification_loss: Tensor, vae_loss: Tensor, is_target: Tensor) -> Tensor:
    return classification_loss.mean() + (vae_loss * is_target).sum() / is_target.sum()


def summed(classification_loss: Tensor, vae_loss: Tensor, is_target: Tensor) -> Tensor:
    return (classification_loss + is_target * vae_loss).sum()


def vae_summed(classification_loss: Tensor, vae_loss: Tensor, is_target: Tensor) -> Tensor:
    return classification_loss.mean() + (is_target * vae_loss).sum()


def not_masked(classification_loss: Tensor, vae_loss: Tensor, is_target: Tensor) -> Tensor:
    return (classification_loss + vae_loss).mean()


def others_reconstructed(classification_loss: Tensor, vae_loss: Tensor, is_target: Tensor) -> Tensor:
    return (classification_loss + (1 - is_target.to(vae_loss.dtype)) * vae_loss).mean()


def everything_masked(classification_loss: Tensor, vae_loss: Tensor, is_target: Tensor) -> Tensor:
    return (is_target * (classification_loss + vae_loss)).mean()


def targets_only(classification_loss: Tensor, vae_loss: Tensor, is_target: Tensor) -> Tensor:
    return (classification_loss + vae_loss)[is_target.bool()].mean()


def either_or(classification_loss: Tensor, vae_loss: Tensor, is_target: Tensor) -> Tensor:
    return torch.where(is_target.bool(), vae_loss, classification_loss).mean()


def classification_masked(classification_loss: Tensor, vae_loss: Tensor, is_target: Tensor) -> Tensor:
    return (is_target * classification_loss + vae_loss).mean()


def product_of_means(classification_loss: Tensor, vae_loss: Tensor, is_target: Tensor) -> Tensor:
    return classification_loss.mean() + is_target.to(vae_loss.dtype).mean() * vae_loss.mean()


def subtracted(classification_loss: Tensor, vae_loss: Tensor, is_target: Tensor) -> Tensor:
    return (classification_loss - is_target * vae_loss).mean()


def per_example(classification_loss: Tensor, vae_loss: Tensor, is_target: Tensor) -> Tensor:
    return classification_loss + is_target * vae_loss


def without_the_vae(classification_loss: Tensor, vae_loss: Tensor, is_target: Tensor) -> Tensor:
    return classification_loss.mean() + 0 * vae_loss.sum()


def halved(classification_loss: Tensor, vae_loss: Tensor, is_target: Tensor) -> Tensor:
    return 0.5 * (classification_loss + is_target * vae_loss).mean()


def as_a_number(classification_loss: Tensor, vae_loss: Tensor, is_target: Tensor) -> float:
    return (classification_loss + is_target * vae_loss).mean().item()


def vae_detached(classification_loss: Tensor, vae_loss: Tensor, is_target: Tensor) -> Tensor:
    return (classification_loss + is_target * vae_loss.detach()).mean()


# --- right answers, written independently ---------------------------------------------------------


def by_indexing(classification_loss: Tensor, vae_loss: Tensor, is_target: Tensor) -> Tensor:
    return (classification_loss.sum() + vae_loss[is_target == 1].sum()) / len(classification_loss)


def with_where(classification_loss: Tensor, vae_loss: Tensor, is_target: Tensor) -> Tensor:
    return torch.mean(torch.where(is_target > 0.5, classification_loss + vae_loss, classification_loss))


def in_two_means(classification_loss: Tensor, vae_loss: Tensor, is_target: Tensor) -> Tensor:
    return classification_loss.mean() + (vae_loss * is_target.float()).mean()


exercise = Exercise(
    id="debiasing_vae_loss",
    lecture=9,
    position=2,
    title="A loss for two tasks",
    points=1,
    minutes=5,
    difficulty=1,
    reference=debiasing_vae_loss,
    cases=(
        Case("ten examples, three of them targets", a_mixed_batch, value_and_gradients),
        Case("targets marked by 0.0 and 1.0, in float64", a_float_mask_in_float64, value_and_gradients),
        Case("no target in the batch", no_target),
        Case("nothing but targets", all_target, value_and_gradients),
        Case("a batch of one", one_target, value_and_gradients),
    ),
    mistakes=(
        Mistake(
            "mean_over_targets",
            "The VAE term is averaged over the targets alone: its weight now depends on how many the batch happens to "
            "have, and without any it is 0 / 0. Divide both terms by the size of the whole batch.",
            mean_over_targets,
        ),
        Mistake("summed", "The examples are added up. A loss is the mean over the batch.", summed),
        Mistake(
            "vae_summed",
            "The VAE term is summed over the batch, and the classification term averaged. Average both.",
            vae_summed,
        ),
        Mistake(
            "not_masked",
            "The VAE is trained on all images. Its latent space shall describe the target class only: multiply its "
            "loss by is_target.",
            not_masked,
        ),
        Mistake(
            "others_reconstructed",
            "The mask is the wrong way round: the VAE is trained on everything but the target class.",
            others_reconstructed,
        ),
        Mistake(
            "everything_masked",
            "The classification loss is masked as well, so the classifier never sees an example of the other class.",
            everything_masked,
        ),
        Mistake(
            "targets_only",
            "All that is not a target is thrown away. It has to be classified too.",
            targets_only,
        ),
        Mistake(
            "either_or",
            "Targets are reconstructed and not classified. Everybody is classified; targets are reconstructed besides.",
            either_or,
        ),
        Mistake(
            "classification_masked",
            "The mask is on the wrong term: everybody is classified, and only targets are reconstructed.",
            classification_masked,
        ),
        Mistake(
            "product_of_means",
            "The mean of a product is not the product of the means: multiply example by example, then average.",
            product_of_means,
        ),
        Mistake(
            "subtracted",
            "The VAE's loss is subtracted. It is a loss already, a negative ELBO: add it.",
            subtracted,
        ),
        Mistake(
            "per_example",
            "This is one number per example. The loss is their mean, a scalar.",
            per_example,
        ),
        Mistake("without_the_vae", "The VAE's loss does not count at all.", without_the_vae),
        Mistake("halved", "There is no one half: the two losses are added.", halved),
        Mistake(
            "as_a_number",
            "No graph stands behind this number, so nothing can be trained with it. Return the tensor: no .item(), no "
            ".detach().",
            as_a_number,
        ),
        Mistake(
            "vae_detached",
            "No gradient reaches the VAE's loss: it is cut off from the graph.",
            vae_detached,
        ),
    ),
    accepted=(by_indexing, with_where, in_two_means),
    hints=(
        "Write the loss of one example first. What is it for a target, what for another image?",
        "`is_target` works as a number: True counts as 1 and False as 0.",
        "Add `is_target * vae_loss` to the classification loss, example by example, and take the mean of all.",
    ),
    forbidden=("course_utils.models.debiasing_vae_loss",),
)
