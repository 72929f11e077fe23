"""BERT by OpenVINO: what it reads is what torch reads, or torch goes on."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from models import engine
from models.classifier import Classifier
from models.engine import EngineRefused, use_openvino
from models.explain import gradients, path
from models.explain_methods import gauss_legendre
from models.explanations import explainable_by, method_for
from models.loading import load_classifier
from models.openvino_bert import OpenVinoBert, engine_of
from models.precision import TOLERANCE, reduce_precision
from tests.oracle.oracles import CARRIED
from tests.unit.models.test_checkpoint import checkpoint

__all__ = ["checkpoint"]

INSTANCES: list[Any] = [
    "good service",
    "",
    "what time do you open on Sunday mornings? " * 9,
    {"text": "a table for two", "text_pair": "on Friday, please"},
]
CLOSE = 1e-5


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """The shapes of what OpenVINO has read."""
    shapes: list[tuple[int, ...]] = []
    pooled = OpenVinoBert.pooled

    def noted(self: OpenVinoBert, ids: torch.Tensor, types: torch.Tensor | None) -> torch.Tensor:
        shapes.append(tuple(ids.shape))
        return pooled(self, ids, types)

    monkeypatch.setattr(OpenVinoBert, "pooled", noted)
    return shapes


@torch.inference_mode()
def vectors(classifier: Classifier, instances: list[Any]) -> torch.Tensor:
    return classifier.encode(classifier.collate([classifier.featurize(one) for one in instances]))


@pytest.mark.parametrize("instance", INSTANCES)
def test_what_comes_alone_is_read_as_torch_reads_it(
    checkpoint: Callable[[str], Path], read: list[tuple[int, ...]], instance: Any
) -> None:
    by_torch, by_openvino = load_classifier(checkpoint("bert")), load_classifier(checkpoint("bert"))
    assert by_torch.engine == "torch"
    assert use_openvino(by_openvino) <= engine.TOLERANCES["fp32"]
    assert by_openvino.engine == "openvino"
    read.clear()
    assert torch.allclose(vectors(by_openvino, [instance]), vectors(by_torch, [instance]), atol=CLOSE)
    assert read == [(1, by_torch.featurize(instance).shape[0][1])]


def test_what_is_not_padded_may_be_many(checkpoint: Callable[[str], Path], read: list[tuple[int, ...]]) -> None:
    by_torch, by_openvino = load_classifier(checkpoint("bert")), load_classifier(checkpoint("bert"))
    use_openvino(by_openvino)
    read.clear()
    alike = [INSTANCES[0], INSTANCES[0]]
    assert torch.allclose(vectors(by_openvino, alike), vectors(by_torch, alike), atol=CLOSE)
    assert [rows for rows, _ in read] == [2]


def test_what_is_padded_stays_with_the_packed_layers(
    checkpoint: Callable[[str], Path], read: list[tuple[int, ...]]
) -> None:
    by_torch, by_openvino = load_classifier(checkpoint("bert")), load_classifier(checkpoint("bert"))
    use_openvino(by_openvino)
    read.clear()
    assert torch.equal(vectors(by_openvino, INSTANCES), vectors(by_torch, INSTANCES))
    assert not read


def test_explanations_stay_with_torch(checkpoint: Callable[[str], Path], read: list[tuple[int, ...]]) -> None:
    found = []
    for chosen in (False, True):
        classifier = load_classifier(checkpoint("bert"))
        if chosen:
            use_openvino(classifier)
        read.clear()
        method = method_for(classifier, "integrated_gradients")
        seen = explainable_by(classifier, method)
        batch = classifier.collate([classifier.featurize(INSTANCES[0])])
        along = path(seen, batch, "pad")
        found.append(gradients(method, seen, classifier.label_set.head, batch, along, [gauss_legendre(20)], [0]))
    assert torch.equal(found[0][0][0], found[1][0][0])
    assert not read


def test_the_bert_of_an_allennlp_archive_runs_on_it_as_well(read: list[tuple[int, ...]]) -> None:
    classifiers = [load_classifier(CARRIED / "biome_reader_bert.tar.gz", hub=CARRIED / "hub") for _ in range(2)]
    if classifiers[0].reducible is None:
        pytest.skip("no BERT of its own")
    use_openvino(classifiers[1])
    example = classifiers[0].inputs.example
    read.clear()
    assert torch.allclose(*(vectors(one, [example]) for one in classifiers), atol=CLOSE)
    assert len(read) == 1


def test_another_process_compiles_its_own(checkpoint: Callable[[str], Path], read: list[tuple[int, ...]]) -> None:
    classifier = load_classifier(checkpoint("bert"))
    use_openvino(classifier)
    elsewhere = pickle.loads(pickle.dumps(classifier))
    vectors(elsewhere, INSTANCES)  # padded: from now on none has to wait
    assert engine_of(elsewhere.model.bert)._compiled is not None
    read.clear()
    assert torch.allclose(vectors(elsewhere, INSTANCES[:1]), vectors(classifier, INSTANCES[:1]), atol=CLOSE)
    assert len(read) == 2


def test_it_computes_in_the_bits_that_the_classifier_does(
    checkpoint: Callable[[str], Path], read: list[tuple[int, ...]]
) -> None:
    full, reduced = load_classifier(checkpoint("bert")), load_classifier(checkpoint("bert"))
    reduce_precision(reduced, "bf16")
    use_openvino(reduced)
    read.clear()
    assert torch.allclose(vectors(reduced, INSTANCES[:1]), vectors(full, INSTANCES[:1]), atol=TOLERANCE)
    assert read


def test_an_encoder_whose_answers_would_move_stays_with_torch(
    checkpoint: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch, read: list[tuple[int, ...]]
) -> None:
    classifier = load_classifier(checkpoint("bert"))
    before = vectors(classifier, INSTANCES[:1])
    monkeypatch.setitem(engine.TOLERANCES, "fp32", -1.0)
    with pytest.raises(EngineRefused, match="moved by"):
        use_openvino(classifier)
    read.clear()
    assert classifier.engine == "torch"
    assert torch.equal(vectors(classifier, INSTANCES[:1]), before)
    assert not read


def test_it_tells_its_makers_nothing(checkpoint: Callable[[str], Path]) -> None:
    """In a process of its own, where nothing has imported it before."""
    told = (
        "import sys; from pathlib import Path; from models.loading import load_classifier;"
        "from models.engine import use_openvino; use_openvino(load_classifier(Path(sys.argv[1])));"
        "assert not [name for name, module in sys.modules.items() if name.startswith('openvino_telemetry') and module];"
        "assert 'openvino.tools.ovc.telemetry_stub' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", told, str(checkpoint("bert"))], check=True, timeout=120)


def test_without_the_extra_it_says_what_to_install(
    checkpoint: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    classifier = load_classifier(checkpoint("bert"))
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(EngineRefused, match="pip install openvino"):
        use_openvino(classifier)
    assert vectors(classifier, INSTANCES[:1]).isfinite().all()


def test_other_encoders_stay_with_torch(checkpoint: Callable[[str], Path]) -> None:
    with pytest.raises(EngineRefused, match="only BERT encoders"):
        use_openvino(load_classifier(checkpoint("distilbert")))
