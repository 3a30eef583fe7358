"""Exercise 8.1: features and a label, joined."""

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from course_utils.exercises import Case, Exercise, Mistake
from course_utils.exercises.lecture_08 import observers
from course_utils.exercises.observers import Inputs
from course_utils.models import condition

# --- inputs: plain data from a seeded generator ---------------------------------------------------


def _inputs(batch: int, dim: int, n_classes: int, generator: Generator, dtype: torch.dtype) -> Inputs:
    features = torch.randn(batch, dim, generator=generator, dtype=dtype)
    # The last two classes never come: who counts classes in the batch gets two columns too few.
    y = torch.randperm(n_classes - 2, generator=generator).repeat(batch)[:batch]
    return {"features": features, "y": y, "num_classes": n_classes}


def a_batch(generator: Generator) -> Inputs:
    return _inputs(7, 4, 6, generator, torch.float32)


def one_example(generator: Generator) -> Inputs:
    return _inputs(1, 3, 5, generator, torch.float32)


def as_many_features_as_classes_in_float64(generator: Generator) -> Inputs:
    return _inputs(5, 5, 5, generator, torch.float64)


def pixels_and_ten_classes(generator: Generator) -> Inputs:
    every_class = torch.randperm(12, generator=generator) % 10
    return {**_inputs(12, 784, 10, generator, torch.float32), "y": every_class}


# --- wrong answers that students give -------------------------------------------------------------


def _one_hot(features: Tensor, y: Tensor, num_classes: int) -> Tensor:
    return F.one_hot(y, num_classes).to(features.dtype)


def label_first(features: Tensor, y: Tensor, num_classes: int) -> Tensor:
    return torch.cat([_one_hot(features, y, num_classes), features], dim=1)


def label_as_a_number(features: Tensor, y: Tensor, num_classes: int) -> Tensor:
    return torch.cat([features, y[:, None].to(features.dtype)], dim=1)


def label_as_a_scaled_number(features: Tensor, y: Tensor, num_classes: int) -> Tensor:
    return torch.cat([features, y[:, None].to(features.dtype) / num_classes], dim=1)


def repeated_number(features: Tensor, y: Tensor, num_classes: int) -> Tensor:
    return torch.cat([features, y[:, None].to(features.dtype).expand(-1, num_classes)], dim=1)


def classes_counted_in_the_batch(features: Tensor, y: Tensor, num_classes: int) -> Tensor:
    return torch.cat([features, F.one_hot(y).to(features.dtype)], dim=1)


def one_class_short(features: Tensor, y: Tensor, num_classes: int) -> Tensor:
    return torch.cat([features, _one_hot(features, y, num_classes)[:, :-1]], dim=1)


def first_class_dropped(features: Tensor, y: Tensor, num_classes: int) -> Tensor:
    return torch.cat([features, _one_hot(features, y, num_classes)[:, 1:]], dim=1)


def counted_from_one(features: Tensor, y: Tensor, num_classes: int) -> Tensor:
    return torch.cat([features, _one_hot(features, (y + 1) % num_classes, num_classes)], dim=1)


def all_ones(features: Tensor, y: Tensor, num_classes: int) -> Tensor:
    return torch.cat([features, torch.ones(len(y), num_classes, dtype=features.dtype)], dim=1)


def label_of_the_first(features: Tensor, y: Tensor, num_classes: int) -> Tensor:
    return torch.cat([features, _one_hot(features, y[:1].expand(len(y)), num_classes)], dim=1)


def label_scaled_one_hot(features: Tensor, y: Tensor, num_classes: int) -> Tensor:
    return torch.cat([features, _one_hot(features, y, num_classes) * y[:, None].to(features.dtype)], dim=1)


def features_dropped(features: Tensor, y: Tensor, num_classes: int) -> Tensor:
    return _one_hot(features, y, num_classes)


def joined_along_the_batch(features: Tensor, y: Tensor, num_classes: int) -> Tensor:
    return torch.cat([features, _one_hot(features, y, num_classes)])


def detached(features: Tensor, y: Tensor, num_classes: int) -> Tensor:
    return torch.cat([features.detach(), _one_hot(features, y, num_classes)], dim=1)


def whole_numbers(features: Tensor, y: Tensor, num_classes: int) -> Tensor:
    return torch.cat([features.long(), F.one_hot(y, num_classes)], dim=1)


def label_softened(features: Tensor, y: Tensor, num_classes: int) -> Tensor:
    return torch.cat([features, _one_hot(features, y, num_classes).softmax(1)], dim=1)


def in_place(features: Tensor, y: Tensor, num_classes: int) -> Tensor:
    joined = torch.cat([features, _one_hot(features, y, num_classes)], dim=1)
    y.data.zero_()
    return joined


# --- right answers, written independently ---------------------------------------------------------


def rows_of_the_identity(features: Tensor, y: Tensor, num_classes: int) -> Tensor:
    return torch.hstack([features, torch.eye(num_classes, dtype=features.dtype)[y]])


def compared_with_each_class(features: Tensor, y: Tensor, num_classes: int) -> Tensor:
    is_class = y.unsqueeze(1) == torch.arange(num_classes)
    return torch.cat((features, is_class.float()), dim=-1)


def scattered(features: Tensor, y: Tensor, num_classes: int) -> Tensor:
    joined = features.new_zeros(features.shape[0], features.shape[1] + num_classes)
    joined[:, : features.shape[1]] = features
    joined[torch.arange(len(y)), features.shape[1] + y] = 1.0
    return joined


def whole_numbers_promoted(features: Tensor, y: Tensor, num_classes: int) -> Tensor:
    return torch.cat([features, F.one_hot(y, num_classes)], dim=1)


exercise = Exercise(
    id="condition",
    lecture=8,
    position=1,
    title="Tell the network the class",
    points=2,
    minutes=8,
    difficulty=1,
    reference=condition,
    cases=(
        Case("seven examples, six classes", a_batch, observers.joined),
        Case("a batch of one", one_example, observers.joined),
        Case(
            "as many features as classes, float64", as_many_features_as_classes_in_float64, observers.joined
        ),
        Case("784 pixels and ten classes", pixels_and_ten_classes, observers.joined),
    ),
    mistakes=(
        Mistake(
            "label_first",
            "The one-hot vector stands before the features. The order is a convention, but all layers must keep to "
            "the same one: features first.",
            label_first,
        ),
        Mistake(
            "label_as_a_number",
            "The label is joined as one number. That would put class 3 between classes 2 and 4, and a class is no "
            "quantity: use one column per class, F.one_hot(y, num_classes).",
            label_as_a_number,
        ),
        Mistake(
            "label_as_a_scaled_number",
            "The label is joined as one number between 0 and 1. Scaled or not, a class is no quantity: use one "
            "column per class, F.one_hot(y, num_classes).",
            label_as_a_scaled_number,
        ),
        Mistake(
            "repeated_number",
            "Each of the num_classes columns holds the label itself. Only the column of the label is 1, the others "
            "are 0.",
            repeated_number,
        ),
        Mistake(
            "classes_counted_in_the_batch",
            "The number of columns depends on the largest label in this batch, because F.one_hot was not told "
            "num_classes. A batch without the last class then has another width, and the layer behind it fails.",
            classes_counted_in_the_batch,
        ),
        Mistake(
            "one_class_short",
            "The last class has no column. Give it one: num_classes columns in all.",
            one_class_short,
        ),
        Mistake(
            "first_class_dropped",
            "The first class has no column. Labels begin at 0, and class 0 has a column like the others.",
            first_class_dropped,
        ),
        Mistake(
            "counted_from_one",
            "The 1 stands one column too far right: labels begin at 0, so class 0 is the first column.",
            counted_from_one,
        ),
        Mistake(
            "all_ones",
            "All columns behind the features are 1, whatever the label: it does not get through.",
            all_ones,
        ),
        Mistake(
            "label_of_the_first",
            "All examples get the label of the first one. Each row has its own.",
            label_of_the_first,
        ),
        Mistake(
            "label_in_the_one_hot",
            "The label's column holds the label. It should hold a 1: as it is, class 0 looks like no class at all.",
            label_scaled_one_hot,
        ),
        Mistake(
            "features_dropped",
            "Only the one-hot vector is returned. Join it to the features: the result is (B, F + num_classes).",
            features_dropped,
        ),
        Mistake(
            "joined_along_the_batch",
            "The one-hot vectors are put below the features, as further examples. Join along dimension 1.",
            joined_along_the_batch,
        ),
        Mistake(
            "detached",
            "No gradient gets back to the features. In the decoder they are z, and behind z is the encoder, which "
            "would not be trained: leave out .detach(), .data and torch.no_grad().",
            detached,
        ),
        Mistake(
            "whole_numbers",
            "The features are turned into whole numbers, which cuts off everything behind the point. Turn the "
            "one-hot vector into floats instead.",
            whole_numbers,
        ),
        Mistake(
            "softened",
            "A softmax was taken of the one-hot vector. It is a distribution already: a 1 and zeros.",
            label_softened,
        ),
        Mistake(
            "in_place",
            "Your answer writes into features or y: methods that end in an underscore, and assignments to y[...], "
            "change the tensor that was handed in.",
            in_place,
        ),
    ),
    accepted=(rows_of_the_identity, compared_with_each_class, scattered, whole_numbers_promoted),
    hints=(
        "How would you write *class 2 of 4* with four numbers, none of which says that 2 is more than 1?",
        "`F.one_hot(y, num_classes)` makes the vectors, as whole numbers, `(B, num_classes)`. `torch.cat` joins.",
        "Join `[features, one-hot as features.dtype]` with `torch.cat` along dimension 1.",
    ),
    forbidden=("course_utils.models.condition",),
)
