"""The kernel itself needs a GPU; here a slow one of the same definition stands in for it."""

import pytest
import torch
from torch.nn import functional

from nbtune.models import packing, varlen
from nbtune.models.probing import find_packer
from nbtune.testing import tiny_model

LENGTHS = [7, 40, 3, 40, 21]


def row_by_row(
    query, key, value, cu_seq_q, cu_seq_k, max_q, max_k, *, scale, window_size, enable_gqa
):
    """Do what the documentation of ``torch.nn.attention.varlen.varlen_attn`` says."""
    assert cu_seq_q.dtype == cu_seq_k.dtype == torch.int32
    assert max_k == max(cu_seq_k.diff())
    assert max_q == max(cu_seq_q.diff())
    mixed = []
    for row in range(len(cu_seq_q) - 1):
        q = query[cu_seq_q[row] : cu_seq_q[row + 1]].transpose(0, 1)
        k, v = (x[cu_seq_k[row] : cu_seq_k[row + 1]].transpose(0, 1) for x in (key, value))
        # FlashAttention lays the last query on the last key.
        ahead = k.shape[1] - q.shape[1]
        distance = torch.arange(q.shape[1])[:, None] + ahead - torch.arange(k.shape[1])[None]
        back, on = window_size
        seen = torch.ones_like(distance, dtype=torch.bool)
        seen &= (distance <= back) | (back < 0)
        seen &= (-distance <= on) | (on < 0)
        mixed.append(
            functional.scaled_dot_product_attention(
                q, k, v, attn_mask=seen, scale=scale, enable_gqa=enable_gqa
            ).transpose(0, 1)
        )
    return torch.cat(mixed)


@pytest.fixture
def calls(monkeypatch):
    """Let the kernel be taken on this CPU; returns its windows, one a call."""
    windows = []

    def kernel(*args, **named):
        windows.append(named["window_size"])
        return row_by_row(*args, **named)

    monkeypatch.setattr(varlen, "KERNEL", kernel)
    monkeypatch.setattr(varlen, "suits", lambda query, dropout: not dropout)
    return windows


@pytest.mark.parametrize("kind", ["bert", "modernbert", "gpt2", "llama", "mistral", "qwen2"])
def test_logits_and_gradients_are_those_of_padded_rows(kind, calls):
    model = tiny_model(kind).eval()
    packer = find_packer(model)
    width = max(LENGTHS)
    mask = (torch.arange(width)[None] < torch.tensor(LENGTHS)[:, None]).long()
    ids = torch.randint(1, 300, mask.shape, generator=torch.Generator().manual_seed(0)) * mask
    found = []
    for one in (packer, None):
        model.zero_grad()
        if one is not None:
            one.lengths = LENGTHS
            calls.clear()
        with packing.packing(model, one):
            logits = model(input_ids=ids, attention_mask=mask).logits
        logits.square().sum().backward()
        found.append((logits, [p.grad for p in model.parameters() if p.grad is not None]))
    assert calls
    torch.testing.assert_close(found[0][0], found[1][0], atol=1e-6, rtol=1e-5)
    for ours, padded in zip(found[0][1], found[1][1], strict=True):
        torch.testing.assert_close(ours, padded, atol=1e-5, rtol=1e-4)


def test_a_cpu_full_precision_and_dropout_go_the_other_way():
    query = torch.zeros(4, 2, 64)
    assert not varlen.suits(query, dropout=0.0)
    assert not varlen.suits(query.bfloat16(), dropout=0.0)
    assert not varlen.suits(query.bfloat16(), dropout=0.1)


def test_torch_has_the_kernel():
    assert varlen.KERNEL is not None
