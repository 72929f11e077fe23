"""The routes of the server that the settings name."""

from __future__ import annotations

from fastapi import FastAPI

from app.compat.allennlp import allennlp_router
from app.compat.biome import biome_router
from app.service import Service


def add_compat(app: FastAPI, service: Service) -> None:
    if service.settings.compat == "allennlp":
        app.include_router(allennlp_router(service))
    elif service.settings.compat == "biome":
        app.include_router(biome_router(service))
