"""Disentanglement scores of codes that are perfect, changed without harm, rotated, random, doubled or dead."""

import math

import pytest
import torch
from sklearn.feature_selection import r_regression
from sklearn.metrics import mutual_info_score

from course_utils.data.shapes import sample_factors
from course_utils.metrics import (
    dci,
    factor_vae_score,
    mutual_information,
    mutual_information_gap,
    sap,
)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=seeded(seed))


FACTORS = sample_factors(2000, generator=seeded())  # (2000, 5): 3, 6, 10, 16 and 16 levels
PERFECT = (FACTORS - FACTORS.mean(0)) / FACTORS.std(0)
ORTHOGONAL = torch.linalg.qr(normal(5, 5, seed=7)).Q  # a rotation that mixes all five

remembered = {}


def part_of_dci(name):
    """One number of the three, computed together once per code."""

    def score(codes, factors):
        key = (codes.numpy().tobytes(), factors.numpy().tobytes())
        if key not in remembered:
            remembered[key] = dci(codes, factors)
        return getattr(remembered[key], name)

    return score


# the scores that a good code should have high; each takes codes and factors
SCORES = {
    "mig": mutual_information_gap,
    "factor_vae": lambda codes, factors: factor_vae_score(codes, factors, generator=seeded()),
    "disentanglement": part_of_dci("disentanglement"),
    "completeness": part_of_dci("completeness"),
    "informativeness": part_of_dci("informativeness"),
    "sap": sap,
}
each_score = pytest.mark.parametrize("name", SCORES)

# a code of 16 levels fits into 20 equal bins level by level, so that even the histogram loses nothing; what is
# short of 1 is chance: correlations between the factors of 2,000 examples, and what trees do with them
FLOOR_OF_PERFECT = {"mig": 0.95, "factor_vae": 1.0, "sap": 0.99} | dict.fromkeys(
    ("disentanglement", "completeness", "informativeness"), 0.99
)


def with_idle_dimensions(codes):
    """Three dimensions of pure noise, as a VAE's often are, and two constant ones."""
    return torch.cat([normal(len(codes), 3, seed=9), torch.full((len(codes), 2), 0.1), codes], dim=1)


# ---------------------------------------------------------------------------------------------- all scores


@each_score
def test_perfect_code_scores_one(name):
    assert FLOOR_OF_PERFECT[name] <= SCORES[name](PERFECT, FACTORS) <= 1 + 1e-12
    assert FLOOR_OF_PERFECT[name] - 0.02 <= SCORES[name](with_idle_dimensions(PERFECT), FACTORS) <= 1 + 1e-12


@each_score
def test_order_sign_and_scale_do_not_matter(name):
    imperfect = PERFECT + 0.5 * normal(2000, 5) + 0.9 * PERFECT.roll(1, dims=1)
    score = SCORES[name](imperfect, FACTORS)
    assert score < 0.95
    changed = imperfect[:, [3, 0, 4, 2, 1]] * torch.tensor([-1.0, 2.0, -0.5, 10.0, 1.0]) + 7.0
    # a forest breaks ties by the order of its inputs, a histogram cuts mirrored codes at other places
    assert SCORES[name](changed, FACTORS) == pytest.approx(score, abs=0.03)
    renumbered = FACTORS[:, [4, 2, 0, 1, 3]] * torch.tensor([5.0, -1.0, 2.0, 1.0, -3.0]) + 1.0
    assert SCORES[name](imperfect, renumbered) == pytest.approx(score, abs=0.03)


@each_score
def test_rotated_code_scores_lower(name):
    rotated = SCORES[name](PERFECT @ ORTHOGONAL, FACTORS)
    if name == "informativeness":  # all that was known still is
        assert rotated > 0.85
    elif name == "factor_vae":  # the dimension with the largest share of a factor may still be known by it
        assert rotated < 0.9
    else:
        assert rotated < 0.65


@each_score
def test_two_pairs_turned_by_45_degrees_score_what_follows_from_the_definition(name):
    """The shape keeps its dimension; each other factor is in two dimensions that hold two factors alike."""
    turn = torch.eye(5)
    for i in (1, 3):
        turn[i : i + 2, i : i + 2] = torch.tensor([[1.0, 1.0], [-1.0, 1.0]]) / math.sqrt(2)
    even = 1 - math.log(2, 5)  # a row or column of R with two equal entries
    expected = {"mig": 0.2, "sap": 0.2, "factor_vae": 0.2 + 0.8 / 2, "informativeness": 1.0}
    score = SCORES[name](PERFECT @ turn, FACTORS)
    assert score == pytest.approx(expected.get(name, 0.2 + 0.8 * even), abs=0.06)
    assert type(score) is float


@each_score
def test_random_code_scores_near_the_floor(name):
    floor = {"factor_vae": 0.2}.get(name, 0.0)  # chance among five factors
    assert SCORES[name](normal(2000, 10), FACTORS) == pytest.approx(floor, abs=0.06)


@each_score
def test_code_that_is_constant_knows_nothing(name):
    constant = torch.full((2000, 4), 0.1)
    assert SCORES[name](constant, FACTORS) == pytest.approx(0.2 if name == "factor_vae" else 0.0, abs=1e-12)


@each_score
def test_doubled_code_is_punished_where_the_definition_says_so(name):
    doubled = torch.cat([PERFECT, -2 * PERFECT], dim=1)
    expected = {"mig": 0.0, "sap": 0.0, "completeness": 1 - math.log(2, 10)}.get(name, 1.0)
    assert SCORES[name](doubled, FACTORS) == pytest.approx(expected, abs=0.06)


@each_score
def test_factor_that_no_dimension_knows_costs_its_share(name):
    """The forest of the unknown factor spreads its attention evenly: 1/4 on each of four dimensions."""
    distracted = 1 + (0.8 * math.log(0.8) + 0.2 * math.log(0.2)) / math.log(
        5
    )  # 1 on its own factor, 1/4 beside
    expected = {"disentanglement": distracted}.get(name, 0.8)
    assert SCORES[name](PERFECT[:, 1:], FACTORS) == pytest.approx(expected, abs=0.05)


@each_score
def test_codes_in_step_with_the_wrong_rows_know_nothing(name):
    shuffled = PERFECT[torch.randperm(2000, generator=seeded(3))]
    assert SCORES[name](shuffled, FACTORS) < 0.3


@each_score
def test_refused(name):
    with pytest.raises(ValueError, match=r"got \(2000, 5\) and \(1999, 5\)"):
        SCORES[name](PERFECT, FACTORS[1:])
    with pytest.raises(ValueError, match=r"got \(2000, 5\) and \(2000,\)"):
        SCORES[name](PERFECT, FACTORS[:, 0])
    diverged = PERFECT.clone()
    diverged[7, 2] = math.nan
    with pytest.raises(ValueError, match="codes has 1 entries that are not finite"):
        SCORES[name](diverged, FACTORS)
    with pytest.raises(ValueError, match=r"factors \[1\] have one level only"):
        SCORES[name](PERFECT, FACTORS * torch.tensor([1.0, 0, 1, 1, 1]))


# --------------------------------------------------------------------------------- mutual information gap


def test_mutual_information_agrees_with_scikit_learn():
    codes = PERFECT @ ORTHOGONAL + 0.1 * normal(2000, 5)
    information = mutual_information(codes, FACTORS, bins=12)
    for j, code in enumerate(codes.T.double()):
        edges = torch.linspace(code.min(), code.max(), 13, dtype=torch.float64)
        binned = torch.bucketize(code.contiguous(), edges[1:-1], right=True)
        for k, factor in enumerate(FACTORS.T):
            levels = factor.unique(return_inverse=True)[1]
            assert information[j, k].item() == pytest.approx(mutual_info_score(binned, levels))


def test_bins_are_equally_wide_from_minimum_to_maximum():
    code = torch.tensor([[0.0], [0.9], [1.1], [10.0]])  # ten bins: 0 and 0.9 share one
    factor = torch.tensor([[0], [1], [2], [3]])
    assert mutual_information(code, factor, bins=10).item() == pytest.approx(1.5 * math.log(2))
    assert mutual_information(code, factor, bins=20).item() == pytest.approx(2 * math.log(2))
    assert mutual_information(code, factor, bins=2).item() == pytest.approx(
        0.75 * math.log(4 / 3) + 0.25 * math.log(4)
    )
    with pytest.raises(ValueError, match="bins must be at least 2, got 1"):
        mutual_information(code, factor, bins=1)


def test_gap_on_numbers_worked_by_hand():
    """Two fair bits a, b. Dimension 0 tells a; 1 tells a or b (three values, as a + b); 2 nothing."""
    a, b = torch.cartesian_prod(torch.arange(2.0), torch.arange(2.0)).T
    codes, factors = torch.stack([a, a + b, torch.zeros(4)], dim=1), torch.stack([a, b], dim=1)
    # I(a + b; a) = H(a + b) - H(b) = 1.5 - 1 = 0.5 bits, the same for b
    bits = mutual_information(codes, factors) / math.log(2)
    assert bits.flatten().tolist() == pytest.approx([1, 0, 0.5, 0.5, 0, 0], abs=1e-12)
    assert mutual_information_gap(codes, factors) == pytest.approx(0.5 * (1 - 0.5) + 0.5 * (0.5 - 0))


def test_gap_is_divided_by_each_factors_entropy_before_the_mean():
    wide = torch.cartesian_prod(torch.arange(2.0), torch.arange(16.0))
    assert mutual_information_gap(wide[:, :1], wide) == pytest.approx(0.5)  # 1 bit of 1, 0 bits of 4
    assert mutual_information_gap(wide[:, 1:], wide) == pytest.approx(0.5)


# ------------------------------------------------------------------------------------------- FactorVAE


def test_factor_vae_score_leaves_collapsed_dimensions_out():
    """A tiny dimension that follows a factor exactly wins all its votes, unless it has none."""
    codes = torch.cat([1e-3 * PERFECT, normal(2000, 5)], dim=1)
    assert factor_vae_score(codes, FACTORS, generator=seeded()) < 0.3
    assert factor_vae_score(codes, FACTORS, generator=seeded(), threshold=1e-7) == 1


def test_factor_vae_score_compares_variances_relative_to_each_dimensions_own():
    """Without the division the narrow dimension of pure noise would win every vote."""
    codes = torch.cat([10 * PERFECT + 3 * normal(2000, 5), 0.2 * normal(2000, 1, seed=4)], dim=1)
    assert factor_vae_score(codes, FACTORS, generator=seeded()) > 0.95


def test_factor_vae_score_is_reproducible_and_its_table_is_judged_on_fresh_votes():
    codes = normal(2000, 50)  # random votes: judged on its own votes, the table would look better than chance
    scores = [
        factor_vae_score(codes, FACTORS, generator=seeded(s), n_votes=40, batch_size=4) for s in range(20)
    ]
    assert sum(scores) / 20 == pytest.approx(0.2, abs=0.03)
    assert len(set(scores)) > 5
    assert scores[3] == factor_vae_score(codes, FACTORS, generator=seeded(3), n_votes=40, batch_size=4)


def test_factor_vae_score_batches_share_the_level_and_nothing_else():
    """Two levels of a factor with equal mean code: only rows of one level give the small variance."""
    factor = torch.arange(1000) % 2
    nuisance = torch.arange(1000) // 2 % 10
    sign = torch.where(factor == 1, 1.0, -1.0)
    codes = torch.stack([sign + 0.1 * normal(1000), nuisance + 0.1 * normal(1000, seed=1)], dim=1)
    factors = torch.stack([factor, nuisance], dim=1)
    assert factor_vae_score(codes, factors, generator=seeded()) == 1


def test_factor_vae_score_with_levels_too_rare_for_a_batch():
    factors = torch.cat([torch.tensor([[100.0], [200.0]]), torch.arange(4.0).repeat(50)[:, None]])
    codes = torch.cat(
        [torch.tensor([[5.0, 0.0], [-5.0, 0.0]]), torch.cat([factors[2:], normal(200, 1)], dim=1)]
    )
    both = torch.cat([factors, torch.arange(202)[:, None] % 3], dim=1)
    assert factor_vae_score(codes, both, generator=seeded()) >= 0.5
    with pytest.raises(ValueError, match="no level with two rows"):
        factor_vae_score(normal(10, 2), torch.arange(10.0)[:, None], generator=seeded())
    with pytest.raises(ValueError, match="batch_size >= 2 and n_votes >= 1, got 1 and 200"):
        factor_vae_score(codes, both, generator=seeded(), batch_size=1)


# ---------------------------------------------------------------------------------------------------- DCI


def test_dci_tells_a_dimension_with_two_factors_from_a_factor_in_two_dimensions():
    a, b = FACTORS[:, 3], FACTORS[:, 4]
    merged = dci((a + 16 * b)[:, None] + torch.zeros(1, 2), torch.stack([a, b], dim=1))
    assert merged.disentanglement < 0.1  # one dimension (given twice) holds both factors
    split = dci(torch.stack([a.round(), a - a.round()], dim=1), a[:, None])
    assert split.completeness < 0.9
    assert split.disentanglement == pytest.approx(1)  # with one factor there is nothing to mix it with


def test_dci_follows_curved_codes():
    curved = torch.exp(2 * PERFECT)
    assert min(dci(curved, FACTORS)) > 0.99
    assert sap(curved, FACTORS) < 0.8  # the linear score does not


def test_dci_judges_prediction_on_rows_it_has_not_seen():
    noise = normal(60, 40)  # forests fit 40 dimensions of noise to 30 rows as they like
    assert dci(noise, FACTORS[:60]).informativeness < 0.15


def test_dci_does_not_care_how_rows_are_sorted_and_is_reproducible():
    codes = PERFECT + 0.3 * normal(2000, 5)
    order = FACTORS[:, 4].argsort()
    assert dci(codes, FACTORS) == dci(codes, FACTORS)
    assert dci(codes[order], FACTORS[order]) == pytest.approx(dci(codes, FACTORS), abs=0.03)


# ---------------------------------------------------------------------------------------------------- SAP


def test_sap_is_the_gap_between_squared_correlations():
    codes = PERFECT @ ORTHOGONAL + 0.5 * normal(2000, 5)
    gaps = []
    for factor in FACTORS.T:
        best, second = sorted(r_regression(codes.double(), factor.double()) ** 2)[:-3:-1]
        gaps.append(best - second)
    assert sap(codes, FACTORS) == pytest.approx(sum(gaps) / 5)
    assert sap(codes, FACTORS) > 0.05


def test_one_dimension_has_no_second_best():
    assert sap(PERFECT[:, :1], FACTORS[:, :1]) == pytest.approx(1)
    assert mutual_information_gap(PERFECT[:, :1], FACTORS[:, :1]) == pytest.approx(1)
