"""What is measured on finished runs: a file for each measurement, and the operators that they share.

- `measurement`   what a measurement is, and the frozen states that it asks for
- `replay`        a frozen model on the batches it was trained on
- `operators`     Hessian and Gauss-Newton products, eigenvalues, density, trace
- `sharpness`     the curvature of a run's loss at moments of its training
- `spectrum`      the spectrum of the Hessian and of the Gauss-Newton matrix, by block
- `budget`        what one step gains, what curvature takes of it, what is forgotten
- `noise`         how much the gradients of batches scatter; noise scales
- `rerun`         steps of a run taken again, on batches of one's choosing
- `events`        forgetting events of single images
- `interventions` batches moved to another time, and what that changes
- `throughput`    seconds and memory of a step

Nothing here trains unasked.
"""
