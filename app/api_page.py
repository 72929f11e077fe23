"""docs/api.md, made of the OpenAPI document: `python -m app.api_page` prints it, `make docs` writes it."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Mapping
from typing import Any

from app.main import create_app
from app.settings import Settings

HEAD = """# Every route and schema

Made by `make docs` from the OpenAPI document, which a running server has at `/openapi.json` and shows at `/docs`.
[HTTP API](http.md) explains it.
"""
METHODS = ("get", "post", "put", "patch", "delete")


def api_page() -> str:
    with tempfile.TemporaryDirectory() as store:
        document = create_app(Settings(store=store, device="cpu")).openapi()
    return "\n".join([HEAD, *_routes(document["paths"]), "## Schemas\n", *_schemas(document["components"]["schemas"])])


def _routes(paths: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for path, operations in sorted(paths.items()):
        for method in METHODS:
            if operation := operations.get(method):
                yield from _operation(f"{method.upper()} {path}", operation)


def _operation(title: str, operation: Mapping[str, Any]) -> Iterator[str]:
    yield f"## {title}\n"
    yield f"{operation.get('description') or operation.get('summary', '')}\n"
    if body := _content(operation.get("requestBody", {})):
        yield f"Body: {body}\n"
    rows = [_row(one["name"], one["in"], one.get("required", False), one) for one in operation.get("parameters", ())]
    if rows:
        yield "| parameter | in | |\n|---|---|---|"
        yield "\n".join(rows) + "\n"
    yield "| status | answer | |\n|---|---|---|"
    for status, answer in sorted(operation["responses"].items()):
        yield f"| {status} | {_content(answer)} | {_cell(answer.get('description', ''))} |"
    yield ""


def _row(name: str, where: str, required: bool, one: Mapping[str, Any]) -> str:
    text = one.get("description", "")
    return f"| `{name}` | {where} | {_cell(text)}{'' if required else ' Optional.'} |"


def _content(holder: Mapping[str, Any]) -> str:
    return ", ".join(_type(one["schema"]) for one in holder.get("content", {}).values() if "schema" in one)


def _schemas(schemas: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for name, schema in sorted(schemas.items()):
        yield f"### {name}\n"
        if text := schema.get("description"):
            yield f"{text}\n"
        if properties := schema.get("properties"):
            yield "| member | type | |\n|---|---|---|"
            for member, one in properties.items():
                yield f"| `{member}` | {_type(one)} | {_about(one, member in schema.get('required', ()))} |"
            yield ""
        elif "enum" in schema:
            yield f"One of {', '.join(f'`{value}`' for value in schema['enum'])}.\n"


def _about(one: Mapping[str, Any], required: bool) -> str:
    words = [_cell(one.get("description", ""))]
    if not required and one.get("default") is not None:
        words.append(f"Default: `{one['default']}`.")
    elif not required:
        words.append("Optional.")
    return " ".join(filter(None, words))


def _type(schema: Mapping[str, Any]) -> str:
    if reference := schema.get("$ref"):
        name = reference.rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if choices := schema.get("anyOf") or schema.get("oneOf"):
        return " or ".join(dict.fromkeys(map(_type, choices)))
    if "const" in schema or "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema.get("enum", [schema.get("const")]))
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return str(schema.get("type", "anything"))


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


if __name__ == "__main__":
    sys.stdout.write(api_page())
