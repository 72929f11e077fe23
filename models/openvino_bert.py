"""A BERT compiled by OpenVINO, for batches without padding: texts that come alone, mostly.

For a few tokens torch's library lays out every weight anew before it multiplies; what is compiled has done so once.
Texts of several lengths stay with the packed layers (models/bert_layers.py), as an engine would read their padding.
"""

from __future__ import annotations

import copy
import os
import sys
import warnings
from threading import Lock
from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers import BertModel

HINTS = {"fp32": "f32", "bf16": "bf16"}
"""OpenVINO's names of precisions (models/precision.py)."""


class OpenVinoBert:
    """Compiles in each process of its own. Any thread may call it.

    Raises ImportError where OpenVINO is not installed.
    """

    def __init__(self, precision: str) -> None:
        self._precision = precision
        self._lock = Lock()
        self._compiled: Any = None

    def __reduce__(self) -> tuple[Any, ...]:
        return OpenVinoBert, (self._precision,)

    def prepare(self, bert: BertModel) -> None:
        """Takes seconds, once."""
        with self._lock:
            self._compiled = self._compiled or _compiled(bert, self._precision)

    def pooled(self, ids: Tensor, types: Tensor | None) -> Tensor:
        """What BertModel pools of texts without padding: (batch, length) ids and types -> (batch, hidden)."""
        request = self._compiled.create_infer_request()
        of_types = torch.zeros_like(ids) if types is None else types
        (vectors,) = request.infer([ids.numpy(), of_types.numpy()]).values()
        return torch.from_numpy(vectors)


def engine_of(bert: BertModel) -> OpenVinoBert | None:
    """None where torch runs it alone."""
    return bert.__dict__.get("engine")


def set_engine(bert: BertModel, engine: OpenVinoBert | None) -> None:
    """It goes with the model wherever that is handed to."""
    bert.__dict__["engine"] = engine


def _compiled(bert: BertModel, precision: str) -> Any:
    sys.modules.setdefault("openvino_telemetry", cast(Any, None))  # it would tell its makers of every import
    import openvino  # noqa: PLC0415 - an optional extra

    cores = len(os.sched_getaffinity(0))
    configuration = {
        "INFERENCE_PRECISION_HINT": HINTS[precision],
        # A batch takes one core, as everywhere; as many go side by side as there are.
        "INFERENCE_NUM_THREADS": cores,
        "NUM_STREAMS": cores,
        "ENABLE_CPU_PINNING": False,
    }
    layers = bert if precision == "fp32" else copy.deepcopy(bert).float()  # the tracer mixes no precisions
    ids = torch.ones(1, 8, dtype=torch.long)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # of shapes that the tracer may take for constants: models/engine.py tries some
        traced = openvino.convert_model(_Pooled(layers).eval(), example_input=(ids, torch.zeros_like(ids)))
    return openvino.Core().compile_model(traced, "CPU", configuration)


class _Pooled(nn.Module):
    def __init__(self, bert: BertModel) -> None:
        super().__init__()
        self.bert = bert

    def forward(self, ids: Tensor, types: Tensor) -> Tensor:
        """(batch, length) twice -> (batch, hidden)."""
        return cast(Tensor, self.bert(input_ids=ids, token_type_ids=types).pooler_output)
