"""Energy is what counters say: domains of RAPL that hold no other one, shared by processor time, and a GPU's own."""

import sys
from types import SimpleNamespace

import pytest

from recloop.storage import energy

RANGE = 1_000_000_000  # microjoules after which these counters start again at zero


@pytest.fixture
def zones(tmp_path, monkeypatch):
    """Give a function that sets counters of a machine with a package, its cores, its memory and the whole platform."""
    domains = {
        "intel-rapl:0": "package-0",
        "intel-rapl:0:0": "core",
        "intel-rapl:0:1": "dram",
        "intel-rapl:1": "psys",
    }
    for zone, name in domains.items():
        (tmp_path / zone).mkdir()
        (tmp_path / zone / "name").write_text(f"{name}\n")
        (tmp_path / zone / "max_energy_range_uj").write_text(f"{RANGE - 1}\n")
    (tmp_path / "intel-rapl").mkdir()  # the driver itself
    monkeypatch.setattr(energy, "POWERCAP", tmp_path)

    def count(**joules: float) -> None:
        for zone, name in domains.items():
            value = int(joules[name.removesuffix("-0")] * 1e6)
            (tmp_path / zone / "energy_uj").write_text(f"{value}\n")

    count(package=900, core=500, dram=10, psys=5000)
    return count


@pytest.fixture
def spent(monkeypatch):
    """Give a function that says what this process and all of them have spent of the processors, in seconds."""
    times = {}
    monkeypatch.setattr(energy, "time", SimpleNamespace(process_time=lambda: times["own"]))
    monkeypatch.setattr(energy, "busy_seconds", lambda: times["all"])
    times.update(own=0.0, all=0.0)
    return times.update


def test_a_process_is_given_its_share_of_packages_and_memory(zones, spent):
    meter = energy.Meter()
    zones(package=960, core=560, dram=30, psys=9000)
    spent(own=3.0, all=12.0)
    assert meter.read() == pytest.approx({"processors": (60 + 20) / 4})
    zones(package=970, core=560, dram=30, psys=9000)
    spent(own=6.0, all=15.0)
    assert meter.read() == pytest.approx({"processors": 20 + 10})
    assert meter.read() == pytest.approx({"processors": 30})  # nobody worked


def test_a_counter_that_starts_again_goes_on(zones, spent):
    meter = energy.Meter()
    zones(package=100, core=0, dram=10, psys=0)  # 900 of 1,000 J before
    spent(own=1.0, all=1.0)
    assert meter.read() == pytest.approx({"processors": 200})


def test_what_nobody_counts_is_left_out(zones, spent, tmp_path, monkeypatch):
    (tmp_path / "intel-rapl:0" / "energy_uj").unlink()  # or not to be read by this user
    (tmp_path / "intel-rapl:0:1" / "energy_uj").write_text("no number")
    assert energy.Meter().read() == {}
    monkeypatch.setattr(energy, "POWERCAP", tmp_path / "nowhere")
    assert energy.Meter().read() == {}


def test_processor_time_of_everybody_grows():
    before = energy.busy_seconds()
    sum(range(10**6))
    assert 0 < before <= energy.busy_seconds()


class NVMLError(Exception):
    pass


@pytest.fixture
def nvml(monkeypatch):
    """NVIDIA's library with one GPU, which has counted some millijoules."""
    gpu = SimpleNamespace(uuid="GPU-abc", millijoules=5_000_000)

    def by_uuid(uuid):
        if uuid != gpu.uuid:
            raise NVMLError("not found")
        return gpu

    library = SimpleNamespace(
        NVMLError=NVMLError,
        nvmlInit=lambda: None,
        nvmlDeviceGetHandleByUUID=by_uuid,
        nvmlDeviceGetTotalEnergyConsumption=lambda handle: handle.millijoules,
    )
    monkeypatch.setitem(sys.modules, "pynvml", library)
    return gpu


def test_a_gpu_counts_from_when_the_meter_was_made(nvml, tmp_path, monkeypatch):
    monkeypatch.setattr(energy, "POWERCAP", tmp_path)
    meter = energy.Meter("abc")
    assert meter.read() == {"gpu": 0.0}
    nvml.millijoules += 2500
    assert meter.read() == {"gpu": 2.5}
    assert energy.Meter("another").read() == {}


def test_without_nvidia_s_library_no_gpu_is_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(energy, "POWERCAP", tmp_path)
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert energy.Meter("abc").read() == {}
