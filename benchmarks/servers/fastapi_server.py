"""Plain FastAPI and transformers, as most write it, without batching. `--async` answers on the event loop."""

from __future__ import annotations

import sys

import uvicorn
from asked import PORT
from fastapi import FastAPI
from pydantic import BaseModel
from text_classifier import TextClassifier

app = FastAPI()
classifier = TextClassifier()


class Body(BaseModel):
    instances: list[str]


class Prediction(BaseModel):
    label: str
    score: float


class Predictions(BaseModel):
    predictions: list[Prediction]


def predict(body: Body) -> Predictions:
    return Predictions.model_validate({"predictions": classifier.predict(body.instances)})


async def predict_on_the_loop(body: Body) -> Predictions:
    return predict(body)


app.post("/predict")(predict_on_the_loop if "--async" in sys.argv else predict)

if __name__ == "__main__":
    uvicorn.run(app, port=PORT, log_level="warning")
