"""Services for BentoML."""

import bentoml


@bentoml.service(workers=1, traffic={"timeout": 60})
class Inputs:
    """Takes the argument `inputs`, a list of texts, and answers a list."""

    @bentoml.api(route="/invocations")
    def predict(self, inputs: list[str]) -> list[str]:
        return [text.upper() for text in inputs]


@bentoml.service(workers=1, traffic={"timeout": 60})
class Rows:
    """Takes the argument `instances`, a list of rows, and answers {"predictions": …}."""

    @bentoml.api(route="/invocations")
    def predict(self, instances: list[list[float]]) -> dict[str, list[float]]:
        return {"predictions": [10 * a + b - c / d for a, b, c, d in instances]}


inputs, rows = Inputs, Rows
