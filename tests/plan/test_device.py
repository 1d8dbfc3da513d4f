"""PyTorch is asked for a GPU; a program that is called nvidia-smi is none."""

import pytest

from recloop.plan import device
from recloop.storage.settings import SettingsError


@pytest.fixture(autouse=True)
def forget():
    device.answer.cache_clear()
    yield
    device.answer.cache_clear()


def answers(monkeypatch, present: bool, code: str) -> None:
    monkeypatch.setattr(device, "looks_present", lambda: present)
    monkeypatch.setattr(device, "QUESTION", code)


def test_nothing_is_asked_where_there_is_no_gpu(monkeypatch):
    answers(monkeypatch, False, "raise SystemExit('asked')")
    assert device.choose("auto") == ("cpu", None)


def test_a_gpu_that_pytorch_can_use_is_taken(monkeypatch):
    answers(monkeypatch, True, "print('a warning'); print('usable 2')")
    assert device.choose("auto") == device.choose("cuda") == ("cuda", None)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert device.names() == ["0", "1"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,GPU-9")
    assert device.names() == ["3", "GPU-9"]


def test_a_driver_alone_is_no_gpu_and_a_line_says_so(monkeypatch):
    answers(monkeypatch, True, "print('Torch not compiled with CUDA enabled')")
    chosen, remark = device.choose("auto")
    assert chosen == "cpu"
    assert remark.endswith("(Torch not compiled with CUDA enabled)")
    with pytest.raises(SettingsError, match="device: cuda, but PyTorch cannot use a GPU here"):
        device.choose("cuda")


def test_other_machines_are_not_asked_here(monkeypatch):
    answers(monkeypatch, False, "raise SystemExit('asked')")
    assert device.choose("cuda", here=False) == ("cuda", None)
    assert device.choose("cpu") == ("cpu", None)
