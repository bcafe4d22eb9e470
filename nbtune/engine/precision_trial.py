"""How long a layer takes in bf16, of its time in fp32: a program for a process of its own.

    python -m nbtune.engine.precision_trial 384

On a CPU that names instructions it does not have, the first product in bf16 ends the process.
"""

from __future__ import annotations

import sys
import time

import torch

TOKENS, ROUNDS = 256, 6


def trial(width: int) -> float:
    """Return the time of forward and backward pass through a Transformer layer in bf16, of fp32's.

    Best of several turns each by processor time, so that a busy machine is fair to both.
    """
    heads = max(1, width // 64)
    layer = torch.nn.TransformerEncoderLayer(
        heads * (width // heads), heads, 4 * width, activation="gelu", batch_first=True
    )
    rows = torch.randn(TOKENS // 64, 64, heads * (width // heads))

    def seconds(is_bf16: bool) -> float:
        began = time.process_time()
        with torch.autocast("cpu", torch.bfloat16, enabled=is_bf16):
            outputs = layer(rows)
        outputs.float().square().mean().backward()
        return time.process_time() - began

    turns = [(seconds(True), seconds(False)) for _ in range(ROUNDS)]
    return min(bf16 for bf16, _ in turns[1:]) / min(fp32 for _, fp32 in turns[1:])


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(trial(int(sys.argv[1])))
