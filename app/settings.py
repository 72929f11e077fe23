"""Every knob of the service, once: default, unit, reason. The description is the help of `vitrine serve`."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

UNSAFE_TORCH_SWITCH = "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"
MiB = 1 << 20
GiB = 1 << 30


PREFIX = "VITRINE_"


class Settings(BaseSettings):
    """Read from VITRINE_* variables; options of `vitrine serve` go before them."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True)

    store: Path = Field(Path("store"), description="Directory of the models: archives, unpacked or not.")
    hub_dir: Path | None = Field(None, description="Directory of the transformers that archives name.")
    demo: bool = Field(False, description="Make the demo models when the store is empty.")

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    admin_keys: SecretStr | None = Field(
        None, description="Comma-separated keys of those who may change models; without any nobody may."
    )
    key_file: Path | None = Field(
        None, description="File of callers' keys, made by `vitrine keys`; read again when it changes."
    )
    require_key: bool = Field(False, description="Ask for a key for all but probes and documentation.")
    probe_port: int = Field(
        0, ge=0, le=65535, description="Port of health and metrics alone, without TLS; 0 serves them with the rest."
    )
    tls_certificate: Path | None = Field(None, description="Certificate chain (PEM) to serve HTTPS with.")
    tls_key: Path | None = Field(None, description="The private key (PEM) of tls_certificate.")
    allow_unauthenticated_admin: bool = Field(
        False, description="Let everyone who reaches the server change models. --demo does so on a loopback address."
    )

    compat: Literal["none", "allennlp", "biome"] = Field(
        "none", description="Answer at /predict as the original's own server did: AllenNLP's, or biome.text's."
    )
    compat_model: str | None = Field(
        None, description="The model that /predict asks where there are several and no ?model=NAME says it."
    )

    device: str = Field(
        "auto",
        pattern=r"^(auto|cpu|cuda(:\d+)?)$",
        description="auto, cpu, cuda or cuda:N. auto takes the first CUDA device, else the CPU.",
    )
    threads: int = Field(0, ge=0, description="Cores of the CPU that batches may take; 0 takes those there are.")
    device_process: bool = Field(
        True,
        description="Run the models in processes of their own, one for each core, beside the one that speaks HTTP: "
        "on a CPU of two cores or more, where small models answer 1.1 to 1.6 times as many requests.",
    )
    precision: Literal["fp32", "bf16"] = Field(
        "fp32",
        description="What transformer encoders compute in. bf16 takes about half the time where the device has it; "
        "a model whose probabilities it moves by more than 0.05 on trial texts stays in fp32.",
    )
    engine: Literal["torch", "openvino"] = Field(
        "torch",
        description="What runs BERT encoders on a CPU. openvino (pip install openvino) reads texts that are not "
        "padded, most of which come alone: in fp32 those of a large encoder in 0.7 of the time, those of a tiny one "
        "in 1.3 of it, for one more copy of the weights in each process. A model whose probabilities it moves by more "
        "than 0.0001 (in bf16 0.05) on trial texts stays with torch.",
    )
    featurize_workers: int = Field(2, ge=1, le=64, description="Threads that turn instances into features.")

    max_batch_items: int = Field(64, ge=1, description="Instances in one batch.")
    max_batch_tokens: int = Field(16_384, ge=1, description="Padded tokens in one batch; bounds the device memory.")
    batch_wait_ms: float = Field(
        0.0, ge=0, le=1000, description="How long a part-full batch waits for company on a free device, in ms."
    )
    max_queue_items: int = Field(4_096, ge=1, description="Instances of one model that wait; beyond it 429.")
    max_queue_tokens: int = Field(1_048_576, ge=1, description="Tokens of one model that wait; beyond it 429.")

    max_instances_per_request: int = Field(1_024, ge=1, description="Instances in one request.")
    max_instance_tokens: int = Field(8_192, ge=1, description="Tokens of one instance, all its inputs together.")
    max_instance_chars: int = Field(
        100_000, ge=1, description="Characters of one instance, all its inputs together; bounds the time to read it."
    )
    max_explain_instances: int = Field(64, ge=1, description="Instances in one request for explanations.")
    max_explain_steps: int = Field(1_000, ge=1, le=10_000, description="Steps of one explanation.")
    max_new_labels: int = Field(64, ge=1, description="Labels that one request may add.")
    max_labels: int = Field(4_096, ge=2, description="Labels that a model may come to by adding.")
    max_examples: int = Field(4_096, ge=1, description="Examples in one request that adds labels.")
    store_poll_seconds: float = Field(
        2.0, gt=0, le=3600, description="How often to look for label versions that other replicas published, in s."
    )
    max_request_bytes: int = Field(8 * MiB, ge=1, description="Length of a request body, in bytes.")
    max_bodies_bytes: int = Field(
        256 * MiB, ge=1, description="Of all bodies longer than 64 KiB that are being read or answered, in bytes."
    )
    default_deadline_ms: int = Field(
        30_000, ge=1, le=3_600_000, description="Time for an answer where the request sets no deadline_ms, in ms."
    )

    drain_delay_s: float = Field(
        3.0,
        ge=0,
        description="After SIGTERM: how long to answer on, not ready, so that load balancers notice, in s.",
    )
    drain_timeout_s: int = Field(30, ge=1, description="After that: how long accepted requests may take, in s.")
    stall_timeout_s: float = Field(
        120.0, gt=0, description="A device busy with one batch for longer is not live, in s."
    )

    log_format: Literal["auto", "json", "console"] = Field(
        "auto", description="json is one object a line, console is text to read; auto is console on a terminal."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level to log.")
    access_log: bool = Field(
        True, description="Log a line for each request: those that the server failed as warnings, others as info."
    )
    playground: bool = Field(True, description="Show the playground to browsers at /.")

    otlp_endpoint: str | None = Field(
        None,
        pattern=r"^https?://",
        description="Collector that traces are sent to over OTLP/HTTP, http://host:4318 say; without, none are made.",
    )
    trace_ratio: float = Field(
        1.0, ge=0, le=1, description="Share of the requests that are traced, of those whose caller has not decided."
    )

    max_archive_bytes: int = Field(8 * GiB, ge=1, description="Length of one archive file, in bytes.")
    max_unpacked_bytes: int = Field(16 * GiB, ge=1, description="Length of what one archive unpacks to, in bytes.")

    @field_validator("store", "hub_dir")
    @classmethod
    def _not_empty(cls, path: Path | None) -> Path | None:
        if path is not None and path == Path():
            raise ValueError("is empty. Name a directory.")
        return path

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if os.environ.get(UNSAFE_TORCH_SWITCH, "").lower() not in {"", "0", "false"}:
            raise ValueError(
                f"{UNSAFE_TORCH_SWITCH} is set, which lets an archive run code when it is loaded. Unset it."
            )
        self._at_most("max_instance_tokens", "max_batch_tokens", "an instance must fit into a batch")
        self._at_most("max_batch_tokens", "max_queue_tokens", "a batch must fit into the queue")
        self._at_most("max_batch_items", "max_queue_items", "a batch must fit into the queue")
        self._at_most("max_instances_per_request", "max_queue_items", "a request must fit into the queue")
        self._at_most("max_archive_bytes", "max_unpacked_bytes", "an archive unpacks to no less than its length")
        if self.require_key and not (self.key_file or self.admin_keys):
            raise ValueError("require_key is set and there are no keys. Set key_file (`vitrine keys add` makes one).")
        if self.otlp_endpoint and not find_spec("opentelemetry.sdk"):
            raise ValueError("otlp_endpoint is set, and what makes traces is not there. `make install-otel` adds it.")
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key go together. Set both, or neither.")
        if self.probe_port and self.probe_port == self.port:
            raise ValueError("probe_port is the same as port. Choose another, or 0 to serve all on one.")
        if self.batch_wait_ms >= self.default_deadline_ms:
            raise ValueError("batch_wait_ms is not below default_deadline_ms: every request would expire. Lower it.")
        return self

    def _at_most(self, lesser: str, greater: str, reason: str) -> None:
        low, high = getattr(self, lesser), getattr(self, greater)
        if low > high:
            raise ValueError(
                f"{lesser} ({low}) is above {greater} ({high}), but {reason}. Lower {lesser} or raise {greater}."
            )


def unknown_variables() -> list[str]:
    """VITRINE_* variables that no setting reads: likely misspelt."""
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    return sorted(name for name in os.environ if name.upper().startswith(PREFIX) and name.upper() not in known)
