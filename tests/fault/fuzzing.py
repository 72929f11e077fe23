"""Coverage-guided fuzzing, by libFuzzer through atheris, of what reads bodies: JSON, schemas, V2's binary tensors, and
the featurizers of every kind of classifier.

    python -m tests.fault.fuzzing -max_total_time=60 FOLDER     takes libFuzzer's options; FOLDER keeps what was new

Ends with what was sent where anything but a refusal is raised.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["app", "models"]):
    from app.api.v2.inputs import instances_of
    from app.api.v2.schemas import parse_infer
    from app.errors import InvalidRequest
    from app.explain_schemas import parse_explain
    from app.featurizer import featurize_all
    from app.label_schemas import parse_extend
    from app.schemas import parse_predict
    from app.wire import parse_json
    from models.classifier import Classifier
    from models.loading import load_classifier

from tests.oracle.oracles import CARRIED

ARCHIVES = (
    "allennlp210_cnn",
    "allennlp_basic_bytes",
    "biome_sequence_classifier_sentences",
    "biome_similarity_classifier_record",
    "biome_v22_document_segmented",
    "biome_v22_relation",
    "biome_v33_pair_fwd_bwd",
)
MOST_INSTANCES = 8


def targets(classifiers: list[Classifier]) -> list[Callable[[bytes], object]]:
    def predict(classifier: Classifier) -> Callable[[bytes], object]:
        return lambda body: featurize_all(classifier, parse_predict(parse_json(body)).instances[:MOST_INSTANCES])

    def text(classifier: Classifier) -> Callable[[bytes], object]:
        example = classifier.inputs.example
        return lambda body: featurize_all(classifier, [filled(example, body.decode(errors="ignore"))])

    def infer(classifier: Classifier) -> Callable[[bytes], object]:
        def ask(body: bytes) -> object:
            head, _, binary = body.partition(b"\0")
            asked = parse_infer(parse_json(head))
            kind = asked.parameters.content_type
            instances = instances_of(classifier.inputs, asked.inputs, binary, MOST_INSTANCES, kind)
            return featurize_all(classifier, instances)

        return ask

    return [
        lambda body: parse_explain(parse_json(body)),
        lambda body: parse_extend(parse_json(body)),
        *(make(classifier) for classifier in classifiers for make in (predict, text, infer)),
    ]


def filled(value: object, text: str) -> object:
    """`value` with `text` for each of its strings."""
    if isinstance(value, dict):
        return {name: filled(one, text) for name, one in value.items()}
    if isinstance(value, list):
        return [filled(one, text) for one in value]
    return text if isinstance(value, str) else value


def seed(folder: Path, classifiers: list[Classifier]) -> None:
    """A good request for each target, to begin with."""
    for number, classifier in enumerate(classifiers):
        body = json.dumps({"instances": [classifier.inputs.example], "parameters": {"top_k": 1}}).encode()
        (folder / f"predict-{number}").write_bytes(bytes([2 + 3 * number]) + body)
        tensor = {"name": "text", "shape": [1], "datatype": "BYTES", "data": ["one text"]}
        body = json.dumps({"inputs": [tensor]}).encode()
        (folder / f"infer-{number}").write_bytes(bytes([4 + 3 * number]) + body)
        (folder / f"text-{number}").write_bytes(bytes([3 + 3 * number]) + b"Mr. O'Neill's e-mail, $3.50!")
    (folder / "extend").write_bytes(b'\1{"labels": ["new"], "examples": [{"instance": "a", "label": "new"}]}')
    (folder / "explain").write_bytes(b'\0{"instances": ["a"], "parameters": {"n_steps": 5, "method": "saliency"}}')


def main() -> None:
    classifiers = [load_classifier(CARRIED / f"{name}.tar.gz") for name in ARCHIVES]
    asked = targets(classifiers)

    def one(data: bytes) -> None:
        target, body = data[:1] or b"\0", data[1:]
        try:
            asked[target[0] % len(asked)](body)
        except InvalidRequest:
            return

    if folder := next((given for given in sys.argv[1:] if not given.startswith("-")), None):
        seed(Path(folder), classifiers)
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
