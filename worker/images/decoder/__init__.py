"""Child processes that decode and draw images, so that no image can hurt the worker.

`pool.py` keeps the children and says what their end means; `process.py` starts, asks and kills
one; `child.py` is what runs in it, under limits of memory and time; `messages.py` is what they
say to each other.
"""

from worker.images.decoder.pool import DecoderLimits, Decoders

__all__ = ["DecoderLimits", "Decoders"]
