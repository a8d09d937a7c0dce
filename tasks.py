"""The project's chores, each with all its set-up. Needs nothing but Python 3.11 or later.

python3 tasks.py demo       install chexnet into .venv and read the embedded example with the embedded model
python3 tasks.py pacs-demo  start the DICOM node beside Debian's Orthanc, and send it an image
python3 tasks.py test       install everything into .venv-dev and run all checks and tests
"""

import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent
EXAMPLE = Path("chexnet", "examples", "synthetic_thorax_opacity.png")
PICTURES = Path("out")


def environment(name: str, *requirements: str) -> Path:
    """The folder of executables of a virtual environment that has `requirements`."""
    folder = ROOT / name
    scripts = folder / ("Scripts" if os.name == "nt" else "bin")
    if not (scripts / "pip").exists() and not (scripts / "pip.exe").exists():
        print(f"making {name} …", flush=True)
        try:
            venv.create(folder, with_pip=True)
        except (subprocess.CalledProcessError, ImportError) as error:
            sys.exit(f"cannot make a virtual environment ({error}); on Debian: apt-get install python3-venv")
    print(f"installing {' '.join(requirements)} into {name} …", flush=True)
    run(
        scripts / "python",
        "-m",
        "pip",
        "install",
        "--quiet",
        "--constraint",
        "constraints.txt",
        *requirements,
    )
    return scripts


def run(*command: str | Path) -> None:
    """Run a command in the project's folder; end with its status where it fails."""
    status = subprocess.run([str(word) for word in command], cwd=ROOT, check=False).returncode
    if status:
        sys.exit(status)


def demo() -> None:
    """The main job: probabilities and a heat map of a synthetic film."""
    scripts = environment(".venv", ".")
    run(scripts / "chexnet", "predict", EXAMPLE, "--heatmaps", PICTURES, "--finding", "Pneumonia")
    print(f"\nThe film is synthetic and no patient's. The picture: {PICTURES / EXAMPLE.stem}-Pneumonia.png")


def pacs_demo() -> None:
    """The DICOM node beside an archive."""
    scripts = environment(".venv", ".[pacs]")
    run(scripts / "python", Path("deploy", "pacs_demo.py"))


def test() -> None:
    """Linters, types, arrows, tests; the first failure ends it."""
    scripts = environment(".venv-dev", "--editable", ".[train,parquet,serve,pacs,test]")
    run(scripts / "ruff", "check")
    run(scripts / "ruff", "format", "--check")
    run(scripts / "mypy")
    run(scripts / "lint-imports", "--no-cache")
    # One process per core; the tests of a file stay together, because they share fixtures.
    run(scripts / "python", "-m", "pytest", "-n", "auto", "--dist", "loadfile", *sys.argv[2:])


CHORES = {"demo": demo, "pacs-demo": pacs_demo, "test": test}

if __name__ == "__main__":
    if sys.version_info < (3, 11):  # noqa: UP036 (run by whatever Python the machine has)
        sys.exit(f"Python {sys.version.split()[0]} is too old; chexnet needs 3.11 or later")
    if len(sys.argv) < 2 or sys.argv[1] not in CHORES:
        sys.exit(__doc__)
    CHORES[sys.argv[1]]()
