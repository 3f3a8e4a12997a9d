"""Stands for the container in a local run: writes down the telephone keys that are heard in a recording."""

import io
import json
import math
import struct
import wave

# ITU-T Q.23: each key is a low and a high tone at once.
LOW, HIGH = (697, 770, 852, 941), (1209, 1336, 1477)
KEYS = "123", "456", "789", "*0#"
SECONDS_A_KEY = 0.1
"""A key is heard for half of that, and then there is a pause."""


def answer(body: bytes, content_type: str) -> tuple[bytes, str]:
    """Return the text and its length. Raises ValueError for what is no recording, which is answered with 400."""
    if content_type not in ("audio/wav", "audio/x-wav"):
        raise ValueError(f"a recording must be audio/wav, not {content_type or 'without a type'}")
    try:
        with wave.open(io.BytesIO(body)) as sound:
            rate, count = sound.getframerate(), sound.getnframes()
            samples = struct.unpack(f"<{count}h", sound.readframes(count))
    except (wave.Error, EOFError, struct.error) as error:
        raise ValueError(f"not a recording in 16-bit mono: {error}") from error
    size = int(rate * SECONDS_A_KEY)
    keys = [_key(samples[start : start + size // 2], rate) for start in range(0, count, size)]
    return json.dumps({"text": "".join(keys), "seconds": count / rate}).encode(), "application/json"


def _key(samples: tuple[int, ...], rate: int) -> str:
    low, high = (max(tones, key=lambda tone: _power(samples, tone, rate)) for tones in (LOW, HIGH))
    return KEYS[LOW.index(low)][HIGH.index(high)]


def _power(samples: tuple[int, ...], tone: int, rate: int) -> float:
    """Return how strong a tone is, by the Goertzel algorithm."""
    factor = 2 * math.cos(2 * math.pi * tone / rate)
    last = before = 0.0
    for sample in samples:
        last, before = sample + factor * last - before, last
    return last * last + before * before - factor * last * before
