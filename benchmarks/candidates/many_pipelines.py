"""One stack of N pipelines: `python benchmarks/candidates/many_pipelines.py N FOLDER`, from the project's folder."""

import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from constructs_lib import add_stacks

from cdktf import App

import main

if __name__ == "__main__":
    count, folder = int(sys.argv[1]), sys.argv[2]
    (pipeline,) = main.STACKS["dev"].pipelines.values()
    app = App(outdir=folder)
    add_stacks(app, {"many": replace(main.STACKS["dev"], pipelines={f"p{n}": pipeline for n in range(count)})})
    app.synth()
