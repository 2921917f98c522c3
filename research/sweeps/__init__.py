"""Sets of runs and measurements carried out: what is missing, by whom, on which machines.

- `sweep`        trains the runs that have no record yet, spread over the devices
- `measure`      takes the measurements that have no record yet
- `leases`       who is training what: atomic files with a heartbeat
- `leftovers`    clears away what killed processes left
- `workers`      independent pieces of work in threads
- `slurm`        job arrays, through submitit
- `distributed`  several processes that train one run together
"""
