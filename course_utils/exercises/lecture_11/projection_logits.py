"""Exercise 11.1: the logits of a projection discriminator."""

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from course_utils.exercises import Case, Exercise, Mistake, close
from course_utils.exercises.observers import Inputs, value, value_and_gradients
from course_utils.models import projection_logits

# --- inputs: plain data from a seeded generator ---------------------------------------------------


def _inputs(
    batch: int, dim: int, generator: Generator, *, scale: float = 1.0, dtype: torch.dtype = torch.float32
) -> Inputs:
    def normal(*size: int) -> Tensor:
        return torch.randn(*size, generator=generator, dtype=dtype)

    vectors = normal(3, dim)  # of three classes, so that examples share them
    y = torch.randint(3, (batch,), generator=generator)
    return {
        "features": scale * (normal(batch, dim) + 0.3),
        "class_embedding": vectors[y],
        "weight": normal(dim),
        "bias": 1.5 + torch.rand((), generator=generator, dtype=dtype),
        "_gradients_of": ["features", "class_embedding", "weight", "bias"],
    }


def seven_examples(generator: Generator) -> Inputs:
    return _inputs(7, 4, generator)


def one_example(generator: Generator) -> Inputs:
    return _inputs(1, 5, generator)


def as_many_examples_as_features_in_float64(generator: Generator) -> Inputs:
    return _inputs(6, 6, generator, dtype=torch.float64)


def large_features(generator: Generator) -> Inputs:
    return _inputs(5, 20, generator, scale=30.0)


# --- wrong answers that students give -------------------------------------------------------------


def class_forgotten(features: Tensor, class_embedding: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return features @ weight + bias


def only_the_class(features: Tensor, class_embedding: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return (class_embedding * features).sum(1) + bias


def bias_forgotten(features: Tensor, class_embedding: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return (features * (weight + class_embedding)).sum(1)


def every_pair(features: Tensor, class_embedding: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return (features @ weight + bias)[:, None] + features @ class_embedding.T


def summed_over_the_batch(features: Tensor, class_embedding: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return features @ weight + bias + (class_embedding * features).sum()


def mean_over_features(features: Tensor, class_embedding: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return features @ weight + bias + (class_embedding * features).mean(1)


def label_added_to_the_features(
    features: Tensor, class_embedding: Tensor, weight: Tensor, bias: Tensor
) -> Tensor:
    return (features + class_embedding) @ weight + bias


def product_weighted(features: Tensor, class_embedding: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return (features * class_embedding) @ weight + bias


def weighted_as_well(features: Tensor, class_embedding: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return features @ weight + bias + (features * class_embedding) @ weight


def bias_for_each_feature(features: Tensor, class_embedding: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return (features * weight + bias + class_embedding * features).sum(1)


def cosine(features: Tensor, class_embedding: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return features @ weight + bias + F.cosine_similarity(features, class_embedding, dim=1)


def probabilities(features: Tensor, class_embedding: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return projection_logits(features, class_embedding, weight, bias).sigmoid()


def log_probabilities(features: Tensor, class_embedding: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return F.logsigmoid(projection_logits(features, class_embedding, weight, bias))


def a_column(features: Tensor, class_embedding: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return projection_logits(features, class_embedding, weight, bias)[:, None]


def class_subtracted(features: Tensor, class_embedding: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return features @ weight + bias - (class_embedding * features).sum(1)


def embedding_detached(features: Tensor, class_embedding: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return projection_logits(features, class_embedding.detach(), weight, bias)


def features_detached(features: Tensor, class_embedding: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return features @ weight + bias + (class_embedding * features.detach()).sum(1)


def in_place(features: Tensor, class_embedding: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    with torch.no_grad():
        class_embedding *= features
    return features @ weight + bias + class_embedding.sum(1)


# --- right answers, written independently ---------------------------------------------------------


def one_weight_per_class(features: Tensor, class_embedding: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return ((weight + class_embedding) * features).sum(dim=-1) + bias


def by_einsum(features: Tensor, class_embedding: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    psi = torch.einsum("bf,f->b", features, weight)
    return psi + torch.einsum("bf,bf->b", features, class_embedding) + bias


def by_matrix_products(features: Tensor, class_embedding: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    unconditional = F.linear(features, weight[None], bias.reshape(1)).squeeze(1)
    return unconditional + torch.bmm(class_embedding[:, None, :], features[:, :, None]).flatten()


# Sums of products of size 30 to 100, with both signs.
_LARGE = close(rtol=1e-3, atol=2e-3)

exercise = Exercise(
    id="projection_logits",
    lecture=11,
    position=1,
    title="Real, and a seven?",
    points=3,
    minutes=10,
    difficulty=1,
    reference=projection_logits,
    cases=(
        Case("seven examples of three classes", seven_examples, value_and_gradients),
        Case("a batch of one", one_example, value_and_gradients),
        Case("as many examples as features, in float64", as_many_examples_as_features_in_float64, value),
        Case("large features", large_features, value, _LARGE),
    ),
    mistakes=(
        Mistake(
            "class_forgotten",
            "The label has no effect: this logit only asks whether the image is real. Add the inner product of the "
            "class's vector and the features.",
            class_forgotten,
        ),
        Mistake(
            "only_the_class",
            "Only the class is judged, and a real-looking image gets nothing for it: weight is not used. Add "
            "features @ weight.",
            only_the_class,
        ),
        Mistake("bias_forgotten", "The bias is missing. Add it once to every logit.", bias_forgotten),
        Mistake(
            "every_pair",
            "features @ class_embedding.T compares every image with every label of the batch, (B, B). Each image is "
            "compared with its own label: multiply element by element and sum over the features.",
            every_pair,
        ),
        Mistake(
            "summed_over_the_batch",
            "The product is summed over the batch too, so that images judge each other. Sum over dimension 1 only.",
            summed_over_the_batch,
        ),
        Mistake(
            "mean_over_features",
            "The product is averaged over the features. An inner product is a sum.",
            mean_over_features,
        ),
        Mistake(
            "label_added_to_the_features",
            "The class's vector is added to the features, so the label moves every image's logit by the same number, "
            "whatever is in the image. It must be multiplied with the features.",
            label_added_to_the_features,
        ),
        Mistake(
            "product_weighted",
            "The product of features and class vector is weighted once more, and the features alone do not count. "
            "There are two inner products: one with weight, one with the class's vector.",
            product_weighted,
        ),
        Mistake(
            "weighted_as_well",
            "In the class's part weight comes in as well. The class's vector takes its place there: sum the product "
            "of features and class_embedding as it is.",
            weighted_as_well,
        ),
        Mistake(
            "bias_for_each_feature",
            "The bias is added inside the sum, once for each feature. Add it after summing.",
            bias_for_each_feature,
        ),
        Mistake(
            "cosine",
            "The vectors are divided by their lengths. The projection is the inner product itself.",
            cosine,
        ),
        Mistake(
            "probabilities",
            "These are probabilities. The losses take logits and put the sigmoid in themselves; twice is once too "
            "often.",
            probabilities,
        ),
        Mistake(
            "log_probabilities",
            "These are log probabilities. The losses take logits, before any sigmoid.",
            log_probabilities,
        ),
        Mistake("a_column", "The shape is (B, 1). Return one logit for each image: (B,).", a_column),
        Mistake(
            "class_subtracted",
            "The class's part is subtracted: an image is punished for looking like its class. Add it.",
            class_subtracted,
        ),
        Mistake(
            "embedding_detached",
            "No gradient reaches the class's vectors, so they never learn. Use class_embedding without detaching.",
            embedding_detached,
        ),
        Mistake(
            "features_detached",
            "The gradient does not pass from the class's part back to the features, so the generator never hears "
            "that its image is of the wrong class. Do not detach.",
            features_detached,
        ),
        Mistake(
            "in_place",
            "Your answer writes into class_embedding: *= changes the tensor that was handed in. Write "
            "class_embedding * features.",
            in_place,
        ),
    ),
    accepted=(one_weight_per_class, by_einsum, by_matrix_products),
    hints=(
        "The logit is a sum of three: one number from the features alone, one from the features and the label, and "
        "the bias.",
        "`features @ weight` is `(B,)`. For the second, image i meets only label i: multiply two tensors of shape "
        "`(B, F)` element by element.",
        "Sum that product over dimension 1, and add the three.",
    ),
)
