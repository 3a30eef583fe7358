"""Exercise 8.5: a classifier out of a generative model, by Bayes' rule."""

import torch
from torch import Generator, Tensor

from course_utils.exercises import Case, Exercise, Mistake, close
from course_utils.exercises.observers import Inputs, value


def classify_by_elbo(elbo: Tensor, log_prior: Tensor) -> Tensor:
    """The reference: log p(x|y) + log p(y), normalised over the classes."""
    joint = elbo + log_prior
    return joint - joint.logsumexp(1, keepdim=True)


# --- inputs: plain data from a seeded generator ---------------------------------------------------


def _log_prior(n_classes: int, generator: Generator, dtype: torch.dtype = torch.float32) -> Tensor:
    weights = 0.1 + torch.rand(n_classes, generator=generator, dtype=dtype).sort().values
    order = torch.randperm(n_classes, generator=generator)
    return (weights / weights.sum())[order].log()


def bounds_a_nat_apart(generator: Generator) -> Inputs:
    elbo = -2.0 + torch.randn(6, 4, generator=generator)
    return {"elbo": elbo, "log_prior": _log_prior(4, generator)}


def one_example_in_float64(generator: Generator) -> Inputs:
    elbo = -5 + 2 * torch.randn(1, 3, generator=generator, dtype=torch.float64)
    return {"elbo": elbo, "log_prior": _log_prior(3, generator, torch.float64)}


def bounds_of_images(generator: Generator) -> Inputs:
    # As from a model of digits: minus 90 for the right class, minus several hundred for the others. exp(-104) is 0 in
    # float32.
    elbo = -350 - 60 * torch.rand(5, 10, generator=generator)
    best = torch.randint(10, (5,), generator=generator)
    elbo[torch.arange(5), best] = -90 - 20 * torch.rand(5, generator=generator)
    elbo[0] -= 1000  # an image that no class explains
    return {"elbo": elbo, "log_prior": _log_prior(10, generator)}


def log_densities_above_zero(generator: Generator) -> Inputs:
    # A density may exceed 1: bounds of a Gaussian likelihood are often large and positive.
    elbo = 700 + 200 * torch.rand(4, 5, generator=generator)
    return {"elbo": elbo, "log_prior": _log_prior(5, generator)}


# --- wrong answers that students give -------------------------------------------------------------


def prior_forgotten(elbo: Tensor, log_prior: Tensor) -> Tensor:
    return elbo.log_softmax(1)


def not_normalised(elbo: Tensor, log_prior: Tensor) -> Tensor:
    return elbo + log_prior


def prior_added_last(elbo: Tensor, log_prior: Tensor) -> Tensor:
    return elbo.log_softmax(1) + log_prior


def probabilities(elbo: Tensor, log_prior: Tensor) -> Tensor:
    return (elbo + log_prior).softmax(1)


def normalised_over_the_batch(elbo: Tensor, log_prior: Tensor) -> Tensor:
    return (elbo + log_prior).log_softmax(0)


def normalised_over_everything(elbo: Tensor, log_prior: Tensor) -> Tensor:
    joint = elbo + log_prior
    return joint - joint.flatten().logsumexp(0)


def prior_as_a_probability(elbo: Tensor, log_prior: Tensor) -> Tensor:
    return (elbo + log_prior.exp()).log_softmax(1)


def prior_as_a_factor(elbo: Tensor, log_prior: Tensor) -> Tensor:
    return (elbo * log_prior.exp()).log_softmax(1)


def product_of_logarithms(elbo: Tensor, log_prior: Tensor) -> Tensor:
    return (elbo * log_prior).log_softmax(1)


def prior_subtracted(elbo: Tensor, log_prior: Tensor) -> Tensor:
    return (elbo - log_prior).log_softmax(1)


def as_a_loss(elbo: Tensor, log_prior: Tensor) -> Tensor:
    return (-elbo + log_prior).log_softmax(1)


def naive_evidence(elbo: Tensor, log_prior: Tensor) -> Tensor:
    joint = (elbo + log_prior).exp()
    return (joint / joint.sum(1, keepdim=True)).log()


def shifted_by_the_largest_of_all(elbo: Tensor, log_prior: Tensor) -> Tensor:
    joint = elbo + log_prior - (elbo + log_prior).max()
    return joint - joint.exp().sum(1, keepdim=True).log()


def exponential_in_the_sum(elbo: Tensor, log_prior: Tensor) -> Tensor:
    joint = elbo + log_prior
    return joint - joint.exp().sum(1, keepdim=True).log()


def log_of_softmax(elbo: Tensor, log_prior: Tensor) -> Tensor:
    return (elbo + log_prior).softmax(1).log()


def log_of_a_little_more(elbo: Tensor, log_prior: Tensor) -> Tensor:
    return ((elbo + log_prior).softmax(1) + 1e-8).log()


def minus_the_maximum(elbo: Tensor, log_prior: Tensor) -> Tensor:
    joint = elbo + log_prior
    return joint - joint.max(1, keepdim=True).values


def divided_by_the_sum(elbo: Tensor, log_prior: Tensor) -> Tensor:
    joint = elbo + log_prior
    return joint / joint.sum(1, keepdim=True)


def the_best_class(elbo: Tensor, log_prior: Tensor) -> Tensor:
    return (elbo + log_prior).argmax(1)


def in_place(elbo: Tensor, log_prior: Tensor) -> Tensor:
    elbo += log_prior
    return elbo.log_softmax(1)


# --- right answers, written independently ---------------------------------------------------------


def by_log_softmax(elbo: Tensor, log_prior: Tensor) -> Tensor:
    return torch.log_softmax(elbo + log_prior, dim=-1)


def shifted_by_hand(elbo: Tensor, log_prior: Tensor) -> Tensor:
    joint = elbo + log_prior.unsqueeze(0)
    shifted = joint - joint.amax(dim=1, keepdim=True)
    return shifted - shifted.exp().sum(dim=1, keepdim=True).log()


def row_by_row(elbo: Tensor, log_prior: Tensor) -> Tensor:
    return torch.stack([torch.distributions.Categorical(logits=row + log_prior).logits for row in elbo])


# Bounds of 900 are known to about 1e-4 in float32.
_COMPARE = close(rtol=1e-3, atol=5e-4)

exercise = Exercise(
    id="classify_by_elbo",
    lecture=8,
    position=5,
    title="A classifier for nothing",
    points=3,
    minutes=10,
    difficulty=2,
    reference=classify_by_elbo,
    cases=(
        Case("six examples, four classes", bounds_a_nat_apart, value, _COMPARE),
        Case("a batch of one in float64", one_example_in_float64, value, _COMPARE),
        Case("bounds of images, hundreds of nats apart", bounds_of_images, value, _COMPARE),
        Case("log densities above zero", log_densities_above_zero, value, _COMPARE),
    ),
    mistakes=(
        Mistake(
            "prior_forgotten",
            "The prior has no effect. Bayes' rule multiplies the likelihood by p(y): add log_prior before "
            "normalising.",
            prior_forgotten,
        ),
        Mistake(
            "not_normalised",
            "elbo + log_prior is log p(x, y), the joint. Divide by p(x), the sum over the classes: in logarithms, "
            "subtract the logsumexp of each row.",
            not_normalised,
        ),
        Mistake(
            "prior_added_last",
            "The prior is added after the rows were normalised, so they no longer are. Add it first.",
            prior_added_last,
        ),
        Mistake(
            "probabilities",
            "These are probabilities. Asked for is their logarithm: log_softmax in place of softmax.",
            probabilities,
        ),
        Mistake(
            "normalised_over_the_batch",
            "The columns are normalised, over the examples. For each example, its classes sum to 1: dimension 1.",
            normalised_over_the_batch,
        ),
        Mistake(
            "normalised_over_everything",
            "All examples together sum to 1. Each row is a distribution of its own: dim=1, keepdim=True.",
            normalised_over_everything,
        ),
        Mistake(
            "prior_as_a_probability",
            "The probability p(y) is added to a logarithm. Logarithms add to logarithms: use log_prior as it is.",
            prior_as_a_probability,
        ),
        Mistake(
            "prior_as_a_factor",
            "The bound is multiplied by p(y). The likelihood is: its logarithm gets log_prior added.",
            prior_as_a_factor,
        ),
        Mistake(
            "product_of_logarithms",
            "Two logarithms are multiplied. The logarithm of a product is a sum.",
            product_of_logarithms,
        ),
        Mistake(
            "prior_subtracted",
            "The prior is divided by, so that rare classes win. Add log_prior.",
            prior_subtracted,
        ),
        Mistake(
            "as_a_loss",
            "The sign of the bound is turned, as if it were a loss: the class that explains x worst wins. The ELBO "
            "itself stands for log p(x|y).",
            as_a_loss,
        ),
        Mistake(
            "naive_evidence",
            "Right while the bounds are small. But exp(-400) is 0 and exp(800) is infinite, and their ratio is not "
            "a number: stay in logarithms, with torch.logsumexp or log_softmax.",
            naive_evidence,
        ),
        Mistake(
            "exponential_in_the_sum",
            "The logarithm of a sum of exponentials overflows or gives log(0) for bounds of images: that is what "
            "torch.logsumexp is for.",
            exponential_in_the_sum,
        ),
        Mistake(
            "shifted_by_the_largest_of_all",
            "The largest value of the whole batch is taken out before the exponential, so an image that no class "
            "explains gets log(0). Each row has a largest value of its own; log_softmax knows that.",
            shifted_by_the_largest_of_all,
        ),
        Mistake(
            "log_of_softmax",
            "softmax rounds unlikely classes to 0, and log(0) is minus infinity. log_softmax does not take the "
            "detour.",
            log_of_softmax,
        ),
        Mistake(
            "log_of_a_little_more",
            "A small number inside the logarithm hides how unlikely the other classes are. log_softmax is exact "
            "without it.",
            log_of_a_little_more,
        ),
        Mistake(
            "minus_the_maximum",
            "Subtracting the largest value keeps exp in range, but it does not make the row sum to 1. The logsumexp "
            "of the row does.",
            minus_the_maximum,
        ),
        Mistake(
            "divided_by_the_sum",
            "The logarithms are divided by their sum. Probabilities are divided by their sum; for logarithms, "
            "subtract the logsumexp.",
            divided_by_the_sum,
        ),
        Mistake(
            "the_best_class",
            "This is the most probable class. Asked for is log p(y|x) for every class, (B, C); argmax can come later.",
            the_best_class,
        ),
        Mistake(
            "in_place",
            "Your answer writes into elbo or log_prior: += changes the tensor that was handed in. Write "
            "joint = elbo + log_prior.",
            in_place,
        ),
    ),
    accepted=(by_log_softmax, shifted_by_hand, row_by_row),
    hints=(
        "Write Bayes' rule for p(y|x), and put the bound in the place of log p(x|y). What becomes of the product and "
        "of the division in logarithms?",
        "`elbo + log_prior` is log p(x, y) for each class. `torch.logsumexp` over the classes is log p(x).",
        "The difference of the two, `(B, C)` minus `(B, 1)`; or `log_softmax` of the sum, along dimension 1.",
    ),
)
