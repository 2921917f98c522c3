"""Numbers inside a compiled function, by the names that signatures have for them."""

from jaxtyping import Array, Float, Int

Scalar = Float[Array, ""]
Count = Int[Array, ""]
