import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from research.errors import InvalidInput
from research.models._model import Surroundings
from research.models.resnet import ResNet
from research.records.identity import identity

ARTICLE = ResNet()
SMALL = ResNet(width=3, blocks=(1, 1))


def build(config, image_shape, classes=10, **options):
    return config.build(Surroundings(image_shape, classes, nnx.Rngs(0), **options))


def functional(config, image_shape, classes=10, seed=0):
    """The model's graph, and random values everywhere: parameters and running statistics."""
    model = build(config, image_shape, classes)
    graph, params, stats = nnx.split(model, nnx.Param, ...)
    rng = np.random.default_rng(seed)
    params = jax.tree.map(lambda x: jnp.asarray(rng.normal(0.3, 0.5, x.shape), jnp.float32), params)
    stats = jax.tree.map(lambda x: jnp.asarray(rng.uniform(0.5, 1.5, x.shape), jnp.float32), stats)
    return graph, params, stats


def test_the_articles_network_has_5_205_834_parameters():
    """Counted by hand: 3x3 convolutions of 3-64, 4x 64-64, 64-128, 3x 128-128, 128-256, 7x 256-256; 1x1
    shortcuts of 64-128, 128-256 and, with stride alone, 256-256; scales and biases; 512 x 10 + 10.
    """
    model = nnx.eval_shape(lambda: build(ARTICLE, (32, 32, 3)))
    sizes = [leaf.size for leaf in jax.tree.leaves(nnx.state(model, nnx.Param))]
    pairs = [(3, 64), *[(64, 64)] * 4, (64, 128), *[(128, 128)] * 3, (128, 256), *[(256, 256)] * 7]
    convolutions = 9 * sum(a * b for a, b in pairs)
    shortcuts = 64 * 128 + 128 * 256 + 256 * 256
    norms = 2 * (4 * 64 + (64 + 3 * 128) + (128 + 3 * 256) + 4 * 256)
    assert sum(sizes) == convolutions + shortcuts + norms + 512 * 10 + 10 == 5_205_834


# A plain NumPy reading of the design's words, in float64.


def numpy_convolution(x, kernel, stride):
    border = kernel.shape[0] // 2
    x = np.pad(x, ((0, 0), (border, border), (border, border), (0, 0)))
    rows, columns = (x.shape[1] - kernel.shape[0]) // stride + 1, (x.shape[2] - kernel.shape[1]) // stride + 1
    out = np.zeros((len(x), rows, columns, kernel.shape[3]))
    for i in range(rows):
        for j in range(columns):
            y, z = i * stride, j * stride
            patch = x[:, y : y + kernel.shape[0], z : z + kernel.shape[1]]
            out[:, i, j] = np.einsum("bhwc,hwco->bo", patch, kernel)
    return out


def numpy_norm(x, params, stats, training):
    mean, variance = (x.mean((0, 1, 2)), x.var((0, 1, 2))) if training else (stats["mean"], stats["var"])
    return (x - mean) / np.sqrt(variance + 1e-5) * params["scale"] + params["bias"]


def numpy_resnet(params, stats, images, training):
    x = numpy_convolution(images, params["prepare"]["kernel"], 1)
    for index in range(len(params["blocks"])):
        block, norms = params["blocks"][index], stats["blocks"][index]
        stride = 2 if index > 0 else 1  # one block per stage here
        x = np.maximum(numpy_norm(x, block["norm1"], norms["norm1"], training), 0)
        shortcut = numpy_convolution(x, block["shortcut"]["kernel"], stride) if "shortcut" in block else x
        x = numpy_convolution(x, block["conv1"]["kernel"], stride)
        x = np.maximum(numpy_norm(x, block["norm2"], norms["norm2"], training), 0)
        x = numpy_convolution(x, block["conv2"]["kernel"], 1) + shortcut
    pooled = np.concatenate([x.max((1, 2)), x.mean((1, 2))], -1)
    return pooled @ params["head"]["kernel"] + params["head"]["bias"]


@pytest.mark.parametrize("training", [True, False])
def test_forward_and_backward_agree_with_numpy(training):
    """Logits, and the gradient along ten random directions against NumPy's central differences."""
    graph, params, stats = functional(SMALL, (6, 6, 2), classes=3)
    rng = np.random.default_rng(1)
    images = rng.normal(size=(5, 6, 6, 2)).astype(np.float32)
    weight = rng.normal(size=(5, 3))

    def loss(params):
        model = nnx.merge(graph, params, stats, copy=True)
        logits = model(jnp.asarray(images), use_running_average=not training)
        return (logits * weight).sum(), logits

    gradient, logits = jax.jit(jax.grad(loss, has_aux=True))(params)
    as_float64 = lambda tree: jax.tree.map(lambda x: np.asarray(x, np.float64), nnx.to_pure_dict(tree))  # noqa: E731
    plain, plain_stats = as_float64(params), as_float64(stats)
    np.testing.assert_allclose(
        logits, numpy_resnet(plain, plain_stats, images, training), rtol=1e-4, atol=1e-4
    )
    for _ in range(10):
        direction = jax.tree.map(lambda x: rng.normal(size=x.shape), plain)
        moved = [
            jax.tree.map(lambda x, d, s=sign: x + s * 1e-6 * d, plain, direction) for sign in (1.0, -1.0)
        ]
        up, down = ((numpy_resnet(p, plain_stats, images, training) * weight).sum() for p in moved)
        along = sum(
            (np.asarray(g, np.float64) * d).sum()
            for g, d in zip(
                jax.tree.leaves(nnx.to_pure_dict(gradient)), jax.tree.leaves(direction), strict=True
            )
        )
        assert along == pytest.approx((up - down) / 2e-6, rel=2e-3, abs=2e-3)


def test_the_full_network_agrees_with_pytorch():
    """The article's network, both passes, where PyTorch is installed."""
    torch = pytest.importorskip("torch")
    F = torch.nn.functional

    config = ResNet(width=8, blocks=(2, 2, 2, 2))
    graph, params, stats = functional(config, (32, 32, 3))
    images = np.random.default_rng(1).normal(size=(4, 32, 32, 3)).astype(np.float32)
    labels = np.asarray([0, 3, 9, 3])

    def loss(params):
        logits = nnx.merge(graph, params, stats, copy=True)(jnp.asarray(images), use_running_average=False)
        return -jax.nn.log_softmax(logits)[jnp.arange(4), labels].mean()

    value, gradient = jax.value_and_grad(loss)(params)

    def tensor(x):
        return torch.tensor(np.asarray(x), dtype=torch.float64, requires_grad=True)

    tensors = jax.tree.map(tensor, nnx.to_pure_dict(params))

    def conv(x, layer, stride):
        kernel = layer["kernel"].permute(3, 2, 0, 1)
        return F.conv2d(x, kernel, stride=stride, padding=kernel.shape[-1] // 2)

    def norm(x, layer):
        return F.batch_norm(x, None, None, layer["scale"], layer["bias"], training=True, eps=1e-5)

    x = conv(torch.tensor(images, dtype=torch.float64).permute(0, 3, 1, 2), tensors["prepare"], 1)
    for index, block in tensors["blocks"].items():
        stride = 2 if index in (2, 4, 6) else 1
        x = F.relu(norm(x, block["norm1"]))
        shortcut = conv(x, block["shortcut"], stride) if "shortcut" in block else x
        x = F.relu(norm(conv(x, block["conv1"], stride), block["norm2"]))
        x = conv(x, block["conv2"], 1) + shortcut
    pooled = torch.cat([x.amax((2, 3)), x.mean((2, 3))], 1)
    logits = pooled @ tensors["head"]["kernel"] + tensors["head"]["bias"]
    expected = F.cross_entropy(logits, torch.tensor(labels))
    expected.backward()
    assert float(value) == pytest.approx(expected.item(), rel=1e-3)
    for ours, theirs in zip(
        jax.tree.leaves(nnx.to_pure_dict(gradient)), jax.tree.leaves(tensors), strict=True
    ):
        theirs = theirs.grad.numpy()
        assert np.abs(ours - theirs).max() <= 2e-3 * max(1.0, np.abs(theirs).max())


def test_bfloat16_computes_in_bfloat16_and_keeps_float32_parameters():
    model = build(SMALL, (8, 8, 3), dtype=jnp.dtype("bfloat16"))
    assert model(jnp.ones((2, 8, 8, 3)), use_running_average=False).dtype == jnp.bfloat16
    assert {leaf.dtype for leaf in jax.tree.leaves(nnx.state(model))} == {jnp.dtype("float32")}


def test_images_too_small_for_it_are_refused():
    with pytest.raises(InvalidInput, match=r"model\.blocks is"):
        build(ARTICLE, (4, 4, 3))


@pytest.mark.parametrize(("field", "value"), [("width", 0), ("blocks", ()), ("blocks", (2, 0))])
def test_networks_that_make_no_sense_are_refused(field, value):
    with pytest.raises(InvalidInput, match=f"model.{field}"):
        ResNet(**{field: value})


@pytest.mark.parametrize(("norm", "groups"), [("group", 3), ("layer", 1), ("none", None)])
def test_other_norms_agree_with_numpy(norm, groups):
    """Group norm's mean and variance are over an example's pixels and a group's channels (Wu and He 2018)."""
    config = ResNet(width=6, blocks=(1, 1), norm=norm, groups=3)
    graph, params, stats = functional(config, (6, 6, 2), classes=3)
    assert not jax.tree.leaves(stats)
    images = np.random.default_rng(1).normal(size=(5, 6, 6, 2)).astype(np.float32)
    logits = nnx.merge(graph, params, stats)(jnp.asarray(images), use_running_average=False)
    plain = jax.tree.map(lambda x: np.asarray(x, np.float64), nnx.to_pure_dict(params))

    def normed(x, layer):
        if groups is None:
            return x
        grouped = x.reshape(*x.shape[:3], groups, -1)
        mean, variance = (of(grouped, axis=(1, 2, 4), keepdims=True) for of in (np.mean, np.var))
        scaled = ((grouped - mean) / np.sqrt(variance + 1e-5)).reshape(x.shape)
        return scaled * layer["scale"] + layer["bias"]

    x = numpy_convolution(images, plain["prepare"]["kernel"], 1)
    for index in range(2):
        block = plain["blocks"][index]
        x = np.maximum(normed(x, block.get("norm1")), 0)
        shortcut = numpy_convolution(x, block["shortcut"]["kernel"], 2) if "shortcut" in block else x
        x = numpy_convolution(x, block["conv1"]["kernel"], 1 + index)
        x = numpy_convolution(np.maximum(normed(x, block.get("norm2")), 0), block["conv2"]["kernel"], 1)
        x = x + shortcut
    pooled = np.concatenate([x.max((1, 2)), x.mean((1, 2))], -1)
    expected = pooled @ plain["head"]["kernel"] + plain["head"]["bias"]
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("norm", ["batch", "group", "layer", "none"])
def test_batch_norm_alone_lets_examples_see_each_other(norm):
    graph, params, stats = functional(ResNet(width=4, blocks=(1,), norm=norm), (6, 6, 2))
    images = jax.random.normal(jax.random.key(0), (5, 6, 6, 2))
    alone, together = (
        nnx.merge(graph, params, stats, copy=True)(batch, use_running_average=False)[:1]
        for batch in (images[:2], images)
    )
    assert np.allclose(alone, together, rtol=1e-4, atol=1e-3) is (norm != "batch")


def test_groups_must_divide_the_width():
    with pytest.raises(InvalidInput, match=r"model\.groups is 4: must divide the width, 6"):
        ResNet(width=6, norm="group")


LEAKY = {"relu": 0.0, "leaky_relu": 0.1}


@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "gelu"])
def test_activations_agree_with_numpy(activation):
    """Without a norm; GELU in its tanh form (Hendrycks and Gimpel 2016, equation 2)."""
    config = ResNet(width=4, blocks=(1, 1), norm="none", activation=activation)
    graph, params, stats = functional(config, (6, 6, 2), classes=3)
    images = np.random.default_rng(1).normal(size=(5, 6, 6, 2)).astype(np.float32)
    logits = nnx.merge(graph, params, stats)(jnp.asarray(images), use_running_average=False)
    plain = jax.tree.map(lambda x: np.asarray(x, np.float64), nnx.to_pure_dict(params))

    def activated(x):
        if activation == "gelu":
            return x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))
        return np.where(x > 0, x, LEAKY[activation] * x)

    x = numpy_convolution(images, plain["prepare"]["kernel"], 1)
    for index in range(2):
        block, x = plain["blocks"][index], activated(x)
        shortcut = numpy_convolution(x, block["shortcut"]["kernel"], 2) if "shortcut" in block else x
        x = activated(numpy_convolution(x, block["conv1"]["kernel"], 1 + index))
        x = numpy_convolution(x, block["conv2"]["kernel"], 1) + shortcut
    pooled = np.concatenate([x.max((1, 2)), x.mean((1, 2))], -1)
    expected = pooled @ plain["head"]["kernel"] + plain["head"]["bias"]
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


def test_the_articles_network_keeps_its_identity():
    """The activation was added when records with ReLU had been made."""
    assert identity(ResNet(activation="relu")) == identity(ARTICLE) != identity(ResNet(activation="gelu"))
