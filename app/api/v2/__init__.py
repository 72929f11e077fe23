"""The Open Inference Protocol, version 2, over HTTP, with the extensions that Triton's clients use."""
