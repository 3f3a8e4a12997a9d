"""A runtime for MLServer with texts in, and two outputs."""

import numpy
from mlserver import MLModel
from mlserver.codecs import NumpyCodec, StringCodec
from mlserver.types import InferenceRequest, InferenceResponse


class Lengths(MLModel):
    """Answers a text with its length, and with the text in upper case; it refuses an empty one."""

    async def load(self) -> bool:
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        texts = StringCodec.decode_input(payload.inputs[0])
        if not all(texts):
            raise ValueError("a text is empty")
        lengths = numpy.array([[len(text)] for text in texts])
        outputs = [
            NumpyCodec.encode_output("length", lengths),
            StringCodec.encode_output("upper", [text.upper() for text in texts]),
        ]
        return InferenceResponse(model_name=self.name, outputs=outputs)
