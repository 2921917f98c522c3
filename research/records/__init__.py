"""Finished work on disk.

- `store`        records: Parquet and JSON, one atomic rename each
- `identity`     what a config is on disk, and the name that follows from it
- `checkpoints`  frozen models and unfinished runs, through Orbax
- `disk`         atomic names, checksums, what is damaged set aside, full disks
- `process_ids`  which process wrote a file, and whether it is alive
- `provenance`   command, code, versions and machine behind a record

All but `checkpoints` know nothing of JAX.
"""
