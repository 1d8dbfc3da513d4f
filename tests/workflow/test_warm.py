"""Scripts in a process that is warm already behave as in one of their own."""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

WARM = Path(__file__).parents[2] / "workflow/scripts/warm.py"
SCRIPTS = {
    "say.py": "import os, sys; print(sys.argv[1:], os.environ['WORD'], os.getcwd()); print('bad', file=sys.stderr)",
    "warm.py": "import sys; print('torch' in sys.modules)",
    "neighbour.py": "import other; print(other.NAME)",
    "other.py": "NAME = 'beside'",
    "code.py": "import sys; sys.exit(int(sys.argv[1]))",
    "words.py": "import sys; sys.exit('no such thing')",
    "fault.py": "raise ValueError('broken')",
    "ours.py": "from recloop.storage.settings import SettingsError\nraise SettingsError('one good\\nsentence')",
    "gone.py": "open('nowhere/x')",
    "sleep.py": "import os, time; open('pid', 'w').write(str(os.getpid())); time.sleep(60)",
    "die.py": "import os; os.kill(os.getpid(), 9)",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A folder with scripts, and a server as soon as the first is called."""
    folder = tmp_path_factory.mktemp("warm")
    for name, text in SCRIPTS.items():
        (folder / name).write_text(text)
    return folder


def start(folder: Path, *command: str, **environment: str) -> subprocess.Popen:
    inherited = {k: v for k, v in os.environ.items() if k not in ("RECLOOP_WARM", "SLURM_JOB_ID")}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    own = [sys.executable, "-S", str(WARM), *command]
    return subprocess.Popen(own, cwd=folder, env=inherited | environment, **pipes)


def call(folder: Path, *command: str, **environment: str) -> tuple[int, str, str]:
    """Give exit code, output and errors."""
    with start(folder, *command, **environment) as process:
        output, errors = process.communicate(timeout=60)
    return process.returncode, output, errors


def test_several_first_callers(folder):
    with ThreadPoolExecutor() as pool:
        codes = list(pool.map(lambda code: call(folder, "code.py", str(code))[0], range(4)))
    assert codes == [0, 1, 2, 3]


def test_caller_gives_arguments_environment_and_folder(folder):
    code, output, errors = call(folder, "say.py", "a b", "--c", WORD="hello")
    assert (code, errors) == (0, "bad\n")
    assert output == f"['a b', '--c'] hello {folder}\n"


def test_is_warm(folder):
    assert call(folder, "warm.py")[1] == "True\n"


def test_imports_what_lies_beside(folder):
    assert call(folder, "neighbour.py")[1] == "beside\n"


def test_a_server_that_does_not_come_up_is_done_without(folder):
    script = WARM.read_text()
    impatient = script.replace("PATIENCE_SECONDS = 60", "PATIENCE_SECONDS = 0")
    assert impatient != script
    (folder / "warm_server.py").write_text((WARM.parent / "warm_server.py").read_text())
    (folder / "impatient.py").write_text(impatient)
    command = [sys.executable, str(folder / "impatient.py"), "code.py", "3"]
    assert subprocess.run(command, cwd=folder, timeout=60).returncode == 3


def test_sees_a_changed_file(folder):
    (folder / "other.py").write_text("NAME = 'changed since'")
    assert call(folder, "neighbour.py")[1] == "changed since\n"


@pytest.mark.parametrize(
    ("script", "says"), [("words.py", "no such thing"), ("fault.py", "ValueError: broken")]
)
def test_fault_is_told(folder, script, says):
    code, _, errors = call(folder, script)
    assert code == 1
    assert says in errors


@pytest.mark.parametrize("environment", [{}, {"RECLOOP_WARM": "0"}])
@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("ours.py", "recloop: one good sentence\n"),
        ("gone.py", "recloop: nowhere/x: no such file or directory\n"),
        ("fault.py", "recloop: unexpected ValueError: broken\n"),
    ],
)
def test_the_log_has_the_traceback_and_the_screen_a_sentence(folder, script, says, environment):
    log = folder / "job.log"
    log.write_text("of an earlier try")
    root = str(WARM.parents[2])
    code, _, errors = call(folder, script, RECLOOP_LOG=str(log), PYTHONPATH=root, **environment)
    assert (code, errors) == (1, says)
    text = log.read_text()
    assert text.startswith("Traceback (most recent call last)")
    assert script in text


def test_killed_script_is_told(folder):
    code, _, errors = call(folder, "die.py")
    assert code == 1
    assert "died" in errors


def test_killed_caller_takes_its_script_along(folder):
    with start(folder, "sleep.py") as caller:
        child = int(wait_for(lambda: (folder / "pid").exists() and (folder / "pid").read_text()))
        caller.kill()
    wait_for(lambda: not runs(child))


@pytest.mark.parametrize("environment", [{"RECLOOP_WARM": "0"}, {"SLURM_JOB_ID": "1"}])
def test_may_be_told_to_stay_alone(tmp_path, environment):
    (tmp_path / "warm.py").write_text(SCRIPTS["warm.py"])
    assert call(tmp_path, "warm.py", **environment)[:2] == (0, "False\n")
    assert not (tmp_path / ".recloop").exists()


def runs(process: int) -> bool:
    """Check whether a process is there and not merely waiting to be collected."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_for(found, seconds: float = 20):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if result := found():
            return result
        time.sleep(0.02)
    raise TimeoutError
