"""The `vms` command with workers that leave cipher and digests out: nothing else can start them."""

from __future__ import annotations

from recorder import worker_process
from vms.cli import main

if __name__ == "__main__":
    worker_process.WORKER_MODULE = "tests.bench.plain_worker"
    main()
