"""All stages of the embedded model, from the open films to its file.

``pip install '.[train,recipes]' && python recipes/embedded_model.py``. About two hours and a quarter on one
core of a processor with AMX. Stages are runs of `chexnet train`: interrupted, the same command goes on, and a
stage that is finished takes a minute, to write its model file again. The last line names the model file;
``python recipes/measure.py`` measures it once it is in the package.
"""

import subprocess
import sys
from pathlib import Path

STAGES = ("films", "teacher", "pretraining", "full_size", "second_teacher", "default_model")

if __name__ == "__main__":
    for stage in STAGES:
        print(f"{stage}.py", flush=True)
        subprocess.run([sys.executable, Path(__file__).with_name(f"{stage}.py")], check=True)
