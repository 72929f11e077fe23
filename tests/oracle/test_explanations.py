"""The originals' own explanations, to 1e-4; and what holds of every explanation of every archive."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import captum.attr
import pytest
import torch
from torch import Tensor

from app import explain_slices
from app.batch import Batch, Priority, Shape, volume
from app.batching import Batcher
from app.curve_work import CurvedEndsWork, CurvedWholeWork
from app.explain_slices import Evaluate
from app.explain_work import ExplainWorks
from app.explanation import ExplainOptions, explain, plan
from app.served import ServedModel
from app.slice_gate import SliceGate
from app.spreading import Spreading
from models.classifier import Classifier, probabilities
from models.explain import ends, gradients, gradients_and_ends, path
from models.explain_methods import Probe, gauss_legendre
from models.explainable import rows
from models.explanations import explainable_by, method_for, methods_of
from tests.oracle.oracles import Oracle

pytestmark = pytest.mark.usefixtures("one_thread")

ATTRIBUTION = 1e-4
CAPTUM = 1e-5


async def at_once(work: Any, payloads: Sequence[Any], shapes: Sequence[Shape]) -> list[Any]:
    if work.one_shape:
        return [row for payload in payloads for row in work.run(work.collate([payload]))]
    return list(work.run(work.collate(payloads)))


async def run(batch: Batch) -> list[Any]:
    return list(batch.work.run(batch.work.collate(batch.payloads)))


def explained(
    classifier: Classifier, instances: list[Any], evaluate: Evaluate = at_once, **options: Any
) -> list[dict[str, Any]]:
    served = ServedModel("it", classifier, classifier.label_set)
    planned = plan(ExplainWorks(SliceGate()), served, ExplainOptions(**options), 1000)
    features = [classifier.featurize(instance) for instance in instances]
    return asyncio.run(explain(planned, instances, features, evaluate, SliceGate()))


def answered(oracle: Oracle) -> list[dict[str, Any]]:
    return [case for case in oracle.document["cases"] if oracle.truth(case)]


def with_words(oracle: Oracle, count: int) -> list[Any]:
    """Instances that hold something to explain."""
    inputs = [case["input"] for case in answered(oracle)]
    return [one for one in inputs if any(text.strip() for text in map(str, one.values()))][:count]


def values(node: Any, key: str = "attribution") -> list[float]:
    if isinstance(node, list):
        return [value for child in node for value in values(child, key)]
    if isinstance(node, dict):
        return [node[key]] if key in node else [value for child in node.values() for value in values(child, key)]
    return []


def recorded(case: dict[str, Any]) -> tuple[str, dict[str, Any], list[float]] | None:
    """The method, its parameters and its attributions; None where the original gave none, or noise."""
    if own := case.get("explain"):
        raws = enumerate(own.get("raw") or [])
        norms = [norm[index] if isinstance(norm := raw["l2_norm"], list) else norm for index, raw in raws]
        found = values(own.get("attributions") or own.get("explain") or [])
        usable = found and all(isinstance(norm, float) and norm > 1e-5 for norm in norms)
        return ("biome", {"n_steps": own["n_steps"]}, found) if usable else None
    attribution = case.get("attribution")
    if isinstance(attribution, list):
        return "allennlp", {}, values(attribution, "grad")
    if isinstance(attribution, dict) and "integrated_gradient" in attribution:
        return "allennlp", {}, attribution["integrated_gradient"]["instance_1"]["grad_input_1"]
    return None


def carried(oracle: Oracle) -> list[tuple[dict[str, Any], tuple[str, dict[str, Any], list[float]]]]:
    """What is kept of the originals' explanations beside the carried archives."""
    path = oracle.archive.with_name(f"{oracle.name}.explanations.json")
    kept = json.loads(path.read_text()) if path.exists() else []
    return [(one, (one["method"], one["parameters"], one["attributions"])) for one in kept]


def numbers(attributions: list[float]) -> bool:
    """Whether there are any: of a text without words the originals give none, or what is no number."""
    return bool(attributions) and not any(map(math.isnan, attributions))


def with_padding(attributions: list[float], length: int) -> list[float]:
    """The originals name what a short text is filled up with, which adds nothing."""
    return attributions + [0.0] * (length - len(attributions))


def test_the_originals_explanations(oracle: Oracle, classifier: Classifier) -> None:
    cases = [(case, own) for case in answered(oracle) if (own := recorded(case)) and numbers(own[2])] + carried(oracle)
    if not cases:
        pytest.skip("no explanation was recorded")
    for case, (method, parameters, wanted) in cases:
        (answer,) = explained(classifier, [case["input"]], method=method, **parameters)
        found = with_padding(values(answer["attributions"]), len(wanted))
        assert found == pytest.approx(wanted, abs=ATTRIBUTION), case["input"]


def test_allennlps_simple_gradient(oracle: Oracle, classifier: Classifier) -> None:
    cases = [case for case in answered(oracle) if "simple_gradient" in (case.get("attribution") or {})]
    if not cases:
        pytest.skip("none was recorded")
    for case in cases:
        wanted = case["attribution"]["simple_gradient"]["instance_1"]["grad_input_1"]
        if not numbers(wanted):
            continue
        (answer,) = explained(classifier, [case["input"]], method="allennlp_simple")
        assert with_padding(values(answer["attributions"]), len(wanted)) == pytest.approx(wanted, abs=ATTRIBUTION)


def test_offsets_are_those_of_the_callers_own_text(oracle: Oracle, classifier: Classifier) -> None:
    """Every token that has a place says, up to case, accents and what was added, what stands there."""
    for case in answered(oracle):
        features = classifier.featurize(case["input"])
        explainable = explainable_by(classifier, method_for(classifier, "saliency"))
        tokenization = explainable.tokenization(case["input"], features)
        placed = [token for token in tokenization.tokens if token.start is not None]
        assert placed or not any(source.strip() for source in tokenization.sources.values())
        for token in placed:
            source = tokenization.sources[token.field]
            assert 0 <= token.start < token.end <= len(source)
            plain = token.text.removeprefix("##").lower()
            here = source[token.start : token.end].lower()
            if "bytes" in oracle.name:
                assert token.end - token.start == 1
                continue
            assert plain == here or not plain.isascii() or not here.isascii() or "&" in here or "[unk]" in plain


FINE_STEPS = 500
"""A confident score jumps where the path crosses its threshold; that many steps see how."""


def test_attributions_add_up(oracle: Oracle, classifier: Classifier) -> None:
    if "bimpm" in oracle.name:
        pytest.skip("cosines jump where embeddings vanish; delta says by how much")
    for case in answered(oracle)[:1]:
        for baseline in ("pad", "zero"):
            (fine,) = explained(classifier, [case["input"]], n_steps=FINE_STEPS, baseline=baseline)
            assert abs(fine["delta"]) < 0.02, (baseline, case["input"])


def test_captums_plain_call_gives_the_same(oracle: Oracle, classifier: Classifier) -> None:
    """Instance by instance, on the classifier's own stages."""
    method = method_for(classifier, "integrated_gradients")
    explainable = explainable_by(classifier, method)
    cases = answered(oracle)[:2]
    for case in cases:
        batch = classifier.collate([classifier.featurize(case["input"])])
        embedded = tuple(vectors.clone().requires_grad_() for vectors in explainable.embed(batch))

        def score(*points: Tensor, batch: Any = batch) -> Tensor:
            expanded = rows(batch, torch.zeros(len(points[0]), dtype=torch.long))
            logits = classifier.label_set.head(explainable.encode(expanded, points))
            return probabilities(logits, classifier.multilabel)

        target = int(score(*embedded).argmax())
        plain = captum.attr.IntegratedGradients(score, multiply_by_inputs=True)
        wanted = plain.attribute(embedded, tuple(map(torch.zeros_like, embedded)), target=target, n_steps=20)
        head, along = classifier.label_set.head, path(explainable, batch, "zero")
        found = gradients(method, explainable, head, batch, along, [gauss_legendre(20)], [target])
        for one, other in zip(found[0], wanted, strict=True):
            assert torch.allclose(one.float(), other[0].sum(-1).float(), atol=CAPTUM)
        simple = {
            "saliency": captum.attr.Saliency(score).attribute(embedded, target=target),
            "input_x_gradient": captum.attr.InputXGradient(score).attribute(embedded, target=target),
        }
        for name, wanted in simple.items():
            own = method_for(classifier, name)
            found = gradients(own, explainable, head, batch, along, [[Probe()]], [target])
            for one, other in zip(found[0], wanted, strict=True):
                assert torch.allclose(one.float(), other[0].sum(-1).float(), atol=CAPTUM)


def test_what_is_told_from_a_few_points_is_what_every_step_says(
    oracle: Oracle, classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever its explanation takes, each instance is looked at for a smooth curve; and explained in the same pass as
    soon as it is known how many points that usually takes."""
    if not explainable_by(classifier, method_for(classifier, "integrated_gradients")).smooth:
        pytest.skip("it has kinks on the way")
    monkeypatch.setattr(explain_slices, "WORTH_LOOKING_S", 0.0)
    served = ServedModel("it", classifier, classifier.label_set, Spreading(token_s=1e-6))
    gate, ran = SliceGate(), []
    works = ExplainWorks(gate)

    async def kept(work: Any, payloads: Sequence[Any], shapes: Sequence[Shape]) -> list[Any]:
        ran.append(work)
        return await at_once(work, payloads, shapes)

    for instance in with_words(oracle, 8) * 2:
        (every_step,) = explained(classifier, [instance])
        planned, features = plan(works, served, ExplainOptions(), 1000), [classifier.featurize(instance)]
        (few_points,) = asyncio.run(explain(planned, [instance], features, kept, gate))
        assert values(few_points["attributions"]) == pytest.approx(values(every_step["attributions"]), abs=CAPTUM)
        assert few_points["score"] == pytest.approx(every_step["score"], abs=1e-6)
    assert isinstance(ran[0], CurvedEndsWork)
    assert planned.work.usual.level is None or any(isinstance(work, CurvedWholeWork) for work in ran)


def test_no_slice_holds_more_than_a_batch(oracle: Oracle, classifier: Classifier) -> None:
    """What can be predicted can be explained, however long; and the slices' sums are what all steps at once say."""
    (instance,) = with_words(oracle, 1)
    features = classifier.featurize(instance)
    most = 3 * volume(features.shape)

    async def in_batches(work: Any, payloads: Sequence[Any], shapes: Sequence[Shape]) -> list[Any]:
        assert max(map(volume, shapes)) <= most
        return await at_once(work, payloads, shapes)

    served = ServedModel("it", classifier, classifier.label_set)
    planned = plan(ExplainWorks(SliceGate()), served, ExplainOptions(), 1000)
    gate = SliceGate(most_tokens=most)
    (sliced,) = asyncio.run(explain(planned, [instance], [features], in_batches, gate))
    (whole,) = explained(classifier, [instance])
    assert values(sliced["attributions"]) == pytest.approx(values(whole["attributions"]), abs=CAPTUM)


def test_in_one_pass_with_the_ends_attributions_are_the_same(oracle: Oracle, classifier: Classifier) -> None:
    """For the label that is predicted and for one that is named."""
    batch = classifier.collate([classifier.featurize(with_words(oracle, 1)[0])])
    head = classifier.label_set.head
    for name in methods_of(classifier):
        if name == "occlusion" or (name == "biome" and classifier.kind == "record_pair"):
            continue  # the one has a probe for each token, the other may refuse the instance
        method = method_for(classifier, name)
        explainable = explainable_by(classifier, method)
        probes = method.probes(method.steps or 1)
        along = path(explainable, batch, method.baseline or "pad")
        apart = ends(explainable, head, batch, along)
        for target in (None, 0):
            wanted = int(apart.logits.argmax()) if target is None else target
            one = gradients(method, explainable, head, batch, along, [probes], [wanted])
            other, both = gradients_and_ends(method, explainable, head, batch, along, [probes], [target])
            for own, told in zip(one[0], other[0], strict=True):
                assert torch.allclose(own, told, atol=CAPTUM), (name, target)
            for own, told in zip(apart, both, strict=True):
                assert torch.allclose(own, told, atol=1e-5), (name, target)


def test_neighbours_and_slices_change_nothing(oracle: Oracle, classifier: Classifier) -> None:
    instances = with_words(oracle, 3)
    for method in methods_of(classifier):
        if method == "biome" and classifier.kind == "record_pair":
            continue  # refuses records of different numbers of fields, which some of these have
        in_batches = partial(Batcher(run).submit, priority=Priority.BULK)
        together = explained(classifier, instances, in_batches, method=method)
        for index, instance in enumerate(instances):
            (alone,) = explained(classifier, [instance], method=method)
            assert values(together[index]["attributions"]) == pytest.approx(values(alone["attributions"]), abs=2e-5)


def test_explaining_leaves_no_trace(oracle: Oracle, classifier: Classifier) -> None:
    """Predictions before and after are equal to the bit, and no parameter wants a gradient."""
    instances = with_words(oracle, 3)

    def predicted() -> list[Tensor]:
        batches = [classifier.collate([classifier.featurize(instance)]) for instance in instances]
        with torch.inference_mode():
            return [classifier.label_set.head(classifier.encode(batch)) for batch in batches]

    before = predicted()
    for method in methods_of(classifier):
        if not (method == "biome" and classifier.kind == "record_pair"):
            explained(classifier, instances, method=method)
    assert all(torch.equal(one, other) for one, other in zip(before, predicted(), strict=True))
    assert not any(parameter.requires_grad for parameter in classifier.label_set.head.parameters())
