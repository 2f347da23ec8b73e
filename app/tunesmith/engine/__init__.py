"""Own llama.cpp: the only importer of llama_cpp."""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # numpy's, read as it loads: our own threads share work
