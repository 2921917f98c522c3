"""A convolution whose gradients XLA:CPU also runs fast inside a loop."""

from functools import partial

import jax
from jax import lax
from jaxtyping import Array, Float

_NHWC = ("NHWC", "HWIO", "NHWC")
Padding = tuple[tuple[int, int], tuple[int, int]]


def restated_convolution(
    images: Float[Array, "batch height width channel"],
    kernel: Float[Array, "rows columns channel feature"],
    strides,
    padding,
    **options,
) -> Float[Array, "batch out_height out_width feature"]:
    """`lax.conv_general_dilated` for NHWC images and HWIO kernels, with both gradients written out.

    Inside `scan` and its kin, XLA:CPU lowers the gradients that JAX derives to a path 10 to 18 times slower
    than its fast one (jax issue 12868): their layouts are not the ones it looks for. Stating each gradient
    as an ordinary NHWC/HWIO convolution avoids that and changes no bit of the result. On a GPU the derived
    form is the better one.

    Fits `nnx.Conv(conv_general_dilated=...)`; dilation and feature groups are not supported. It can be
    differentiated in reverse, and forwards after that (Hessian-vector products); not forwards first.
    """
    for name, neutral in (("lhs_dilation", 1), ("rhs_dilation", 1), ("feature_group_count", 1)):
        value = options.get(name, neutral)
        if any(v != neutral for v in (value if isinstance(value, tuple | list) else [value])):
            raise NotImplementedError(f"restated_convolution with {name}={value}")
    return _convolution(images, kernel, tuple(strides), tuple(map(tuple, padding)))


@partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def _convolution(images, kernel, strides: tuple[int, int], padding: Padding):
    return lax.conv_general_dilated(images, kernel, strides, padding, dimension_numbers=_NHWC)


def _forward(images, kernel, strides: tuple[int, int], padding: Padding):
    # Not `_convolution`: a plain one can be differentiated forwards, as Hessian-vector products do.
    out = lax.conv_general_dilated(images, kernel, strides, padding, dimension_numbers=_NHWC)
    return out, (images, kernel)


def _backward(strides: tuple[int, int], padding: Padding, saved, gradient):
    images, kernel = saved
    extents = [
        (images.shape[1 + i], kernel.shape[i], (gradient.shape[1 + i] - 1) * strides[i] + 1, padding[i])
        for i in range(2)
    ]
    # Images: the stride-dilated output gradient, convolved with the flipped, transposed kernel.
    to_images = [(k - 1 - lo, n + lo - dilated) for n, k, dilated, (lo, _) in extents]
    images_gradient = lax.conv_general_dilated(
        gradient,
        kernel[::-1, ::-1].transpose(0, 1, 3, 2),
        (1, 1),
        to_images,
        lhs_dilation=strides,
        dimension_numbers=_NHWC,
    )
    # Kernel: the batch is the contracted feature; the output gradient is the kernel, dilated by the stride.
    to_kernel = [(lo, k - 1 + dilated - n - lo) for n, k, dilated, (lo, _) in extents]
    kernel_gradient = lax.conv_general_dilated(
        images.transpose(3, 1, 2, 0),
        gradient.transpose(1, 2, 0, 3),
        (1, 1),
        to_kernel,
        rhs_dilation=strides,
        dimension_numbers=_NHWC,
    )
    return images_gradient, kernel_gradient.transpose(1, 2, 0, 3)


_convolution.defvjp(_forward, _backward)
