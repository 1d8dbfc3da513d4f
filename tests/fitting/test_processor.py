"""The library that multiplies: taken where it is faster, and only as long as products stay exact."""

import pytest
import torch

from recloop.fitting import processor

AMD = {"avx512_f": True, "amx_tile": False, "cpu_name": "AMD EPYC"}


@pytest.fixture(autouse=True)
def as_before():
    before = processor.rounding()
    processor.is_faster.cache_clear()
    yield
    processor.multiply_by(before)
    processor.is_faster.cache_clear()


def on(monkeypatch, **found):
    """Pretend that the processor is another."""
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: AMD | found)
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: True)
    monkeypatch.setattr(processor, "is_exact", lambda: True)
    processor.is_faster.cache_clear()


def test_products_are_exact_with_what_is_taken_here():
    left, right = torch.randn(300, 70), torch.randn(70, 500)
    expected = (left.double() @ right.double()).float()
    with processor.wide():
        assert processor.is_exact()
        assert torch.allclose(left @ right, expected, atol=2e-5)


def test_is_taken_on_amd_with_wide_registers_alone(monkeypatch):
    on(monkeypatch)
    assert processor.is_faster()
    for other in ({"avx512_f": False}, {"amx_tile": True}, {"cpu_name": "Intel(R) Xeon(R)"}):
        on(monkeypatch, **other)
        assert not processor.is_faster()
    on(monkeypatch)
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict)  # another architecture
    assert not processor.is_faster()
    processor.is_faster.cache_clear()
    monkeypatch.delattr(torch.cpu, "get_capabilities")  # PyTorch before 2.11
    assert not processor.is_faster()


def test_is_taken_within_a_block_alone_and_given_back_after_an_error(monkeypatch):
    on(monkeypatch)
    earlier = processor.rounding()
    with processor.wide(worthwhile=False):
        assert processor.rounding() == earlier
    with pytest.raises(ZeroDivisionError), processor.wide():
        assert processor.rounding() == "bf16"
        with processor.wide():
            pass
        assert processor.rounding() == "bf16"
        raise ZeroDivisionError
    assert processor.rounding() == earlier


def test_is_given_up_where_it_rounds(monkeypatch):
    on(monkeypatch)
    monkeypatch.setattr(processor, "is_exact", lambda: False)
    assert not processor.is_faster()


def test_a_factor_of_16_bits_is_noticed(monkeypatch):
    plain = torch.Tensor.__matmul__
    monkeypatch.setattr(
        torch.Tensor, "__matmul__", lambda a, b: plain(a.bfloat16(), b.bfloat16()).float()
    )
    assert not processor.is_exact()
