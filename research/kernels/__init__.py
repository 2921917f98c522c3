"""What a CPU is not fast at by itself, in loops of our own: convolutions, and sums over pixels.

- `convolution`      as `lax.conv_general_dilated` for NHWC and HWIO
- `total`, `inner`   sums over a batch's pixels, of images and of products
- `scaled`, `shifted`  a factor and an offset for each channel
- `disable_kernels`      a context in which none of this is used
- `use_threads`      how many threads share a kernel's work: no result depends on it
- `lanes`            how many numbers a vector holds: the processor's, or FORGETTING_KERNEL_LANES

All can be differentiated forwards, in reverse, and in any order. On a GPU none of this is used: its compiler
knows these forms.
"""

from research.kernels._convolution import convolution
from research.kernels._primitive import disable_kernels
from research.kernels._processor import lanes
from research.kernels._sums import inner, scaled, shifted, total
from research.kernels._threads import use_threads

__all__ = ["convolution", "disable_kernels", "inner", "lanes", "scaled", "shifted", "total", "use_threads"]
