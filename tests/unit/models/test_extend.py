"""Wider heads: nothing old changes, and the new rows are the optimum of what they were fitted to."""

import copy
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from models import convex_fit
from models.allennlp_compat import Activation
from models.classifier import LabelSet, probabilities
from models.convex_fit import BIAS_SHARE, MOST_BY_NEWTON, Problem, Rows, fit_rows, lbfgs, newton
from models.errors import ExtensionError, LabelExists
from models.extend import fit, inert
from models.head_tensors import head_tensors

PRIOR = 0.001


def linear_head(labels=5, dim=7, seed=0, scale=1.0, activation=None):
    torch.manual_seed(seed)
    head = nn.Linear(dim, labels)
    nn.init.normal_(head.weight, std=scale)
    whole = head if activation is None else nn.Sequential(head, Activation.by_name(activation)())
    return whole.eval().requires_grad_(False)


def label_set(**options):
    head = linear_head(**options)
    return LabelSet(tuple(f"old{index}" for index in range(len(head_tensors(head)["weight"]))), head)


def examples(seed=1, count=24, dim=7, scale=1.0):
    """Vectors of two new labels and one old one, at three places with noise."""
    generator = torch.Generator().manual_seed(seed)
    places = torch.randn(3, dim, generator=generator) * 3
    names = ("new0", "new1", "old1")
    targets = [names[index % 3] for index in range(count)]
    noise = torch.randn(count, dim, generator=generator)
    vectors = torch.stack([places[index % 3] for index in range(count)]) + noise
    return vectors * scale, targets


def inputs(dim=7, scale=3.0):
    return torch.randn(200, dim, generator=torch.Generator().manual_seed(9)) * scale


def as_lists(targets):
    return [[target] for target in targets]


def in_double(head, vectors):
    """Its logits: float32 has too few digits for those of a hundred, and heads of other widths round in other ways."""
    return copy.deepcopy(head).double()(vectors.double())


random_heads = given(
    labels=st.integers(2, 12),
    dim=st.integers(1, 40),
    seed=st.integers(0, 10_000),
    scale=st.sampled_from([0.1, 1.0, 5.0]),
    taught=st.booleans(),
)


@random_heads
@settings(max_examples=60, deadline=None)
def test_softmax_odds_among_old_labels_are_unchanged(labels, dim, seed, scale, taught):
    old = label_set(labels=labels, dim=dim, seed=seed, scale=scale)
    vectors, targets = examples(seed, dim=dim)
    anchors = torch.randn(30, dim)
    wide = fit(old, ["new0", "new1"], vectors, targets, anchors=anchors) if taught else inert(old, ["new0", "new1"])
    before, after = (in_double(one.head, inputs(dim)).softmax(dim=-1)[:, :labels] for one in (old, wide))
    left = after.sum(dim=1)
    likely = left > 1e-12  # below, nothing is left to tell the odds
    odds = after[likely] / left[likely].unsqueeze(1)
    assert torch.allclose(odds, before[likely], atol=1e-6)
    assert torch.equal(head_tensors(wide.head)["weight"][:labels], head_tensors(old.head)["weight"])
    assert torch.equal(head_tensors(wide.head)["bias"][:labels], head_tensors(old.head)["bias"])


@random_heads
@settings(max_examples=40, deadline=None)
def test_sigmoid_probabilities_of_old_labels_are_unchanged(labels, dim, seed, scale, taught):
    old = label_set(labels=labels, dim=dim, seed=seed, scale=scale)
    vectors, targets = examples(seed, dim=dim)
    targets = [[target, "old0"] for target in targets]
    options = {"multilabel": True}
    wide = fit(old, ["new0", "new1"], vectors, targets, **options) if taught else inert(old, ["new0"], **options)
    before, after = (in_double(one.head, inputs(dim)).sigmoid()[:, :labels] for one in (old, wide))
    assert torch.allclose(after, before, atol=1e-6)
    assert torch.equal(head_tensors(wide.head)["weight"][:labels], head_tensors(old.head)["weight"])


@pytest.mark.parametrize("activation", [None, "linear", "relu", "tanh", "elu", "leaky_relu"])
@pytest.mark.parametrize("prior", [0.001, 0.5])
def test_an_inert_label_never_has_more_than_its_prior(activation, prior):
    old = label_set(activation=activation, scale=2.0)
    wide = inert(old, ["a", "b"], prior=prior)
    probability = probabilities(wide.head(inputs()), multilabel=False)[:, -2:]
    assert probability.max() <= prior * (1 + 1e-5)
    assert wide.head(inputs()).isfinite().all()


def test_an_inert_label_has_its_prior_where_old_labels_are_equally_likely():
    old = LabelSet(("a", "b", "c"), linear_head(labels=3, scale=0.0))
    old.head.bias.zero_()
    probability = inert(old, ["new"], prior=PRIOR).head(inputs()).softmax(dim=-1)[:, -1]
    assert torch.allclose(probability, torch.tensor(PRIOR), rtol=1e-4)


def test_an_inert_label_of_sigmoids_has_exactly_its_prior():
    wide = inert(label_set(), ["new"], prior=PRIOR, multilabel=True)
    assert torch.allclose(wide.head(inputs())[:, -1].sigmoid(), torch.tensor(PRIOR), rtol=1e-5)


def test_the_old_label_set_is_as_it_was():
    old = label_set()
    weight = old.head.weight.clone()
    wide = fit(old, ["new0", "new1"], *examples())
    assert (old.labels, old.version) == (("old0", "old1", "old2", "old3", "old4"), 1)
    assert torch.equal(old.head.weight, weight)
    assert wide.labels == (*old.labels, "new0", "new1")
    assert wide.version == 2
    assert not any(parameter.requires_grad for parameter in wide.head.parameters())


def test_examples_are_learned_and_labels_without_any_stay_inert():
    vectors, targets = examples(count=60)
    wide = fit(label_set(), ["new0", "silent", "new1"], vectors, targets)
    said = [wide.labels[index] for index in wide.head(vectors).argmax(dim=1).tolist()]
    new = [(one, other) for one, other in zip(said, targets, strict=True) if other.startswith("new")]
    assert all(one == other for one, other in new)
    assert wide.head(vectors).softmax(dim=-1)[:, 6].max() <= PRIOR


def test_new_labels_are_as_probable_as_they_are_frequent():
    """What maximum likelihood with a free bias gives, counted by the wider head itself."""
    vectors = torch.randn(90, 7, generator=torch.Generator().manual_seed(2)) * 0.1
    targets = [("new0", "new1", "old1")[index % 3] for index in range(90)]
    probability = fit(label_set(scale=0.1), ["new0", "new1"], vectors, targets).head(vectors).softmax(dim=-1)
    assert torch.allclose(probability[:, 5:].sum(dim=0), torch.tensor([30.0, 30.0]), atol=0.05)


def test_sigmoid_rows_are_learned_one_by_one():
    vectors, targets = examples(count=60)
    both = fit(label_set(), ["new0", "new1"], vectors, as_lists(targets), multilabel=True)
    alone = fit(
        label_set(),
        ["new1"],
        vectors[[t != "new0" for t in targets]],
        as_lists([t for t in targets if t != "new0"]),
        multilabel=True,
    )
    assert (both.head(vectors)[:, 5:].sigmoid() > 0.5).tolist() == [[t == "new0", t == "new1"] for t in targets]
    together = fit(label_set(), ["new1"], vectors, [[t] if t == "new1" else [] for t in targets], multilabel=True)
    assert torch.allclose(together.head.weight[5], both.head.weight[6], atol=1e-4)
    assert not torch.allclose(alone.head.weight[5], both.head.weight[6], atol=1e-4)


def test_the_same_request_gives_the_same_rows():
    vectors, targets = examples()
    anchors = torch.randn(50, 7)
    first, second = (fit(label_set(), ["new0", "new1"], vectors, targets, anchors=anchors) for _ in range(2))
    assert torch.equal(first.head.weight, second.head.weight)
    assert torch.equal(first.head.bias, second.head.bias)


def test_rows_do_not_depend_on_the_scale_of_the_encoder():
    head = linear_head()
    small = nn.Linear(7, 5)
    small.load_state_dict({"weight": head.weight / 100, "bias": head.bias})
    vectors, targets = examples()
    labels = label_set().labels
    one = fit(LabelSet(labels, head), ["new0", "new1"], vectors, targets).head(vectors)
    other = fit(LabelSet(labels, small.requires_grad_(False)), ["new0", "new1"], vectors * 100, targets).head(
        vectors * 100
    )
    assert torch.allclose(one, other, atol=1e-3)


def test_anchors_keep_new_labels_from_claiming_everything():
    vectors, targets = examples(count=40)
    new = [target.startswith("new") for target in targets]
    taught, theirs = vectors[new], [target for target in targets if target.startswith("new")]
    anchors = inputs() * 0.3
    unguarded = fit(label_set(), ["new0", "new1"], taught, theirs)
    guarded = fit(label_set(), ["new0", "new1"], taught, theirs, anchors=anchors)
    claimed = [(wide.head(anchors + 0.01).argmax(dim=1) >= 5).double().mean() for wide in (unguarded, guarded)]
    assert claimed[0] > 0.9
    assert claimed[1] < 0.2
    assert (guarded.head(taught).argmax(dim=1) >= 5).double().mean() > 0.8


def test_anchors_without_an_answer_are_left_out():
    vectors, _ = examples()
    anchors = torch.randn(9, 7)
    with_nan = torch.cat([anchors, torch.full((1, 7), math.nan)])
    one, other = (fit(label_set(), ["new0"], vectors, ["new0"] * 24, anchors=a) for a in (anchors, with_nan))
    assert torch.equal(one.head.weight, other.head.weight)


def test_labels_can_be_extended_again():
    vectors, targets = examples()
    first = fit(label_set(activation="relu"), ["new0"], vectors, [t.replace("new1", "old2") for t in targets])
    second = fit(first, ["new1"], vectors, targets)
    assert second.labels[-2:] == ("new0", "new1")
    assert second.version == 3
    assert torch.allclose(second.head(vectors)[:, :6], first.head(vectors), atol=1e-6)


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_rows_beside_an_activation_are_learned(activation):
    vectors, targets = examples(count=60)
    wide = fit(label_set(activation=activation), ["new0", "new1"], vectors, targets)
    said = [wide.labels[index] for index in wide.head(vectors).argmax(dim=1).tolist()]
    right = sum(one == other for one, other in zip(said, targets, strict=True) if other.startswith("new"))
    assert right >= 36


def problem(old=True, seed=3, count=40, dim=6, labels=2):
    generator = torch.Generator().manual_seed(seed)
    members = torch.zeros(count, labels, dtype=torch.bool)
    for index in range(count):
        if index % 3 < labels:
            members[index, index % 3] = True
    return Problem(
        vectors=torch.randn(count, dim, generator=generator, dtype=torch.float64),
        members=members,
        weights=torch.rand(count, generator=generator, dtype=torch.float64),
        start=torch.randn(count, generator=generator, dtype=torch.float64),
        old=torch.randn(count, generator=generator, dtype=torch.float64) if old else None,
    )


@pytest.mark.parametrize("old", [True, False], ids=["softmax", "sigmoid"])
def test_the_rows_are_the_one_optimum(old):
    """A second way to it: Newton's, on the objective written out for autograd anew."""
    given, l2 = problem(old), 0.1
    fitted = fit_rows(given, l2=l2)
    scale = given.vectors.square().sum(dim=1).mean().sqrt()
    vectors = torch.cat([given.vectors / scale, torch.ones(40, 1, dtype=torch.float64)], dim=1)

    def objective(flat):
        rows = flat.view(2, 7)
        new = given.start.unsqueeze(1) + vectors @ rows.T
        truth = given.members.double()
        if old:
            total = torch.cat([given.old.unsqueeze(1), new], dim=1).logsumexp(dim=1)
            chosen = (truth * new).sum(dim=1) + (1 - truth.sum(dim=1)) * given.old
            loss = (given.weights * (total - chosen)).sum()
        else:
            loss = (given.weights.unsqueeze(1) * (torch.log1p(new.exp()) - truth * new)).sum()
        penalty = torch.tensor([1.0] * 6 + [BIAS_SHARE], dtype=torch.float64) * rows.square()
        return loss + l2 / 2 * penalty.sum()

    flat = torch.zeros(14, dtype=torch.float64)
    for _ in range(50):
        gradient = torch.autograd.functional.jacobian(objective, flat)
        hessian = torch.autograd.functional.hessian(objective, flat)
        flat = flat - torch.linalg.solve(hessian, gradient)
    found = torch.cat([fitted.weight * scale, fitted.bias.unsqueeze(1)], dim=1).flatten()
    assert torch.linalg.eigvalsh(hessian).min() >= l2 * BIAS_SHARE
    assert torch.allclose(found, flat, atol=1e-5)
    assert torch.autograd.functional.jacobian(objective, found).abs().max() < 1e-5


@pytest.mark.parametrize("old", [True, False], ids=["softmax", "sigmoid"])
@pytest.mark.parametrize("labels", [1, 2, 3])
@pytest.mark.parametrize("l2", [0.005, 0.1, 10.0])
def test_both_ways_lead_to_the_optimum(old, labels, l2):
    given = problem(old, labels=labels)
    by_newton, by_lbfgs = newton(given, l2), lbfgs(given, l2)
    assert by_newton is not None
    for one, other in zip(by_newton, by_lbfgs, strict=True):
        assert torch.allclose(one, other, atol=1e-3)


def test_many_numbers_are_not_found_by_newtons_method(monkeypatch):
    given = problem(dim=MOST_BY_NEWTON)
    monkeypatch.setattr(convex_fit, "newton", None)
    fitted = fit_rows(given, l2=0.1)
    assert given.loss(fitted) < given.loss(Rows(torch.zeros_like(fitted.weight), torch.zeros_like(fitted.bias)))


def test_what_newtons_method_cannot_find_lbfgs_does(monkeypatch):
    given = problem()
    expected = fit_rows(given, l2=0.1)
    monkeypatch.setattr(convex_fit, "MOST_STEPS", 1)
    assert newton(given, 0.1) is None
    for one, other in zip(fit_rows(given, l2=0.1), expected, strict=True):
        assert torch.allclose(one, other, atol=1e-5)


def test_the_optimum_is_better_than_its_neighbours():
    given = problem()
    fitted = fit_rows(given, l2=1e-9)
    least = given.loss(fitted)
    for seed in range(20):
        torch.manual_seed(seed)
        moved = Rows(fitted.weight + 0.1 * torch.randn(2, 6), fitted.bias + 0.1 * torch.randn(2))
        assert given.loss(moved) > least


REFUSED = [
    ({"labels": []}, "labels", "at least one"),
    ({"labels": [" "]}, "labels", "empty"),
    ({"labels": ["x" * 201]}, "labels", "200"),
    ({"labels": ["a\nb"]}, "labels", "print"),
    ({"labels": [" a"]}, "labels", "space"),
    ({"labels": ["new0", "new0"]}, "labels", "twice"),
    ({"prior": 0.0}, "prior", "0.5"),
    ({"prior": 0.6}, "prior", "0.5"),
    ({"prior": math.nan}, "prior", "0.5"),
    ({"l2": 0.0}, "l2", "positive"),
    ({"l2": math.inf}, "l2", "positive"),
    ({"targets": ["new0"]}, "examples", "send one each"),
    ({"targets": ["new0"] * 23 + ["nobody"]}, "examples", r"examples\[23\].*none of old0"),
    ({"targets": [["new0"]] * 24}, "examples", "one label"),
    ({"targets": ["new0"] * 24, "multilabel": True}, "examples", "list of labels"),
    ({"vectors": torch.full((24, 7), math.nan)}, "examples", r"examples\[0\].*no answer"),
]


@pytest.mark.parametrize(("changed", "field", "said"), REFUSED)
def test_what_cannot_be_added_is_refused(changed, field, said):
    vectors, targets = examples()
    arguments = {"labels": ["new0", "new1"], "vectors": vectors, "targets": targets, **changed}
    with pytest.raises(ExtensionError, match=said) as refused:
        fit(label_set(), **arguments)
    assert refused.value.field == field


def test_a_label_that_exists_is_told_from_other_errors():
    with pytest.raises(LabelExists, match="'old3' exists already"):
        inert(label_set(), ["new", "old3"])
