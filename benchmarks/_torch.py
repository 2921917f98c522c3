"""PyTorch's side, in PyTorch's best manner. Imported only in processes that have nothing else to do.

channels_last throughout; the data set on the device as 8-bit pixels, each epoch's crops and flips one gather;
SGD fused. On a GPU also bfloat16 autocast, TF32 and `torch.compile`, losses left on the device.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch  # pyright: ignore[reportMissingImports]
from torch import nn  # pyright: ignore[reportMissingImports]

from benchmarks._cases import Case

F = nn.functional

MOMENTUM, WEIGHT_DECAY = 0.9, 5e-4

OPTIMIZERS: dict[str, Callable[[Any], Any]] = {
    "sgd": lambda params: torch.optim.SGD(
        params, lr=0.0, momentum=MOMENTUM, weight_decay=WEIGHT_DECAY, nesterov=True, fused=True
    ),
    "adam": lambda params: torch.optim.Adam(params, lr=0.0, fused=True),
}


def configure(threads: int | None) -> Any:
    """Set PyTorch up for speed; the device it computes on."""
    if threads is not None:
        torch.set_num_threads(threads)
    torch.set_flush_denormal(True)  # as XLA does
    torch.backends.cudnn.benchmark = True
    torch.set_float32_matmul_precision("high")
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


class Block(nn.Module):
    """BN, ReLU, 3x3 convolution, BN, ReLU, 3x3 convolution; the shortcut starts after the first ReLU."""

    def __init__(self, channels: int, features: int, stride: int):
        super().__init__()
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv1 = nn.Conv2d(channels, features, 3, stride, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(features)
        self.conv2 = nn.Conv2d(features, features, 3, 1, 1, bias=False)
        changes = stride != 1 or channels != features
        self.shortcut = nn.Conv2d(channels, features, 1, stride, bias=False) if changes else None

    def forward(self, x):
        x = F.relu(self.norm1(x), inplace=True)
        y = self.conv2(F.relu(self.norm2(self.conv1(x)), inplace=True))
        return y.add_(x if self.shortcut is None else self.shortcut(x))


class Network(nn.Module):
    """The article's network, as `research.models.ResNet`."""

    def __init__(self, case: Case):
        super().__init__()
        self.prepare = nn.Conv2d(case.channels, case.width, 3, 1, 1, bias=False)
        blocks, channels = [], case.width
        for stage, count in enumerate(case.blocks):
            features = case.width * min(2**stage, 4)
            for block in range(count):
                blocks.append(Block(channels, features, 2 if stage > 0 and block == 0 else 1))
                channels = features
        self.blocks = nn.ModuleList(blocks)
        self.head = nn.Linear(2 * channels, case.classes)

    def forward(self, x):
        x = self.prepare(x)
        for block in self.blocks:
            x = block(x)
        return self.head(torch.cat([x.amax((2, 3)), x.mean((2, 3))], 1))


def copy_weights(network: Network, params: Mapping[str, Any]) -> None:
    """Take the parameters over from `research.training.Network.init`'s nested dicts."""

    def convolution(layer: Any, values: Mapping[str, Any]) -> None:
        layer.weight.copy_(torch.tensor(np.array(values["kernel"])).permute(3, 2, 0, 1))

    def norm(layer: Any, values: Mapping[str, Any]) -> None:
        layer.weight.copy_(torch.tensor(np.array(values["scale"])))
        layer.bias.copy_(torch.tensor(np.array(values["bias"])))

    with torch.no_grad():
        convolution(network.prepare, params["prepare"])
        for index, block in enumerate(network.blocks):
            values = params["blocks"][index]
            norm(block.norm1, values["norm1"])
            norm(block.norm2, values["norm2"])
            convolution(block.conv1, values["conv1"])
            convolution(block.conv2, values["conv2"])
            if block.shortcut is not None:
                convolution(block.shortcut, values["shortcut"])
        network.head.weight.copy_(torch.tensor(np.array(params["head"]["kernel"])).T)
        network.head.bias.copy_(torch.tensor(np.array(params["head"]["bias"])))


class Pixels:
    """A data set on the device, whole, as 8-bit pixels with channels last."""

    def __init__(self, images: np.ndarray, labels: np.ndarray, device: Any):
        self.images = torch.from_numpy(np.ascontiguousarray(images)).to(device)
        self.labels = torch.from_numpy(labels.astype(np.int64)).to(device)
        scale = images.reshape(-1, images.shape[-1])
        self.mean = torch.tensor(scale.mean(0), dtype=torch.float32, device=device)
        self.scale = torch.tensor(1 / np.maximum(scale.std(0), 1), dtype=torch.float32, device=device)

    def epoch(self, subset: int, padding: int | None) -> tuple[Any, Any]:
        """A new order of the first `subset` images, reflect-padded, cropped and flipped in one gather."""
        device, side = self.images.device, self.images.shape[1]
        rows = torch.randperm(subset, device=device)
        if padding is None:
            return self.images[rows], self.labels[rows]
        corner = torch.randint(-padding, padding + 1, (subset, 2, 1), device=device)
        flip = torch.rand(subset, 1, device=device) < 0.5
        along = torch.arange(side, device=device)
        y = _reflect(corner[:, 0] + along, side)
        x = _reflect(corner[:, 1] + torch.where(flip, along.flip(0), along), side)
        return self.images[rows[:, None, None], y[:, :, None], x[:, None, :]], self.labels[rows]

    def normalise(self, pixels: Any) -> Any:
        """Floats, NCHW in shape and channels last in memory."""
        return pixels.to(torch.float32).sub_(self.mean).mul_(self.scale).permute(0, 3, 1, 2)


def _reflect(index: Any, side: int) -> Any:
    index = index.abs_()
    return torch.where(index >= side, 2 * (side - 1) - index, index)


class Training:
    """A run: network, optimizer, data, and epochs of them.

    Args:
        mode: of `torch.compile`; None: eager.
        rate: learning rate at each epoch, a fraction allowed.
        optimizer: which of `OPTIMIZERS`.
    """

    def __init__(
        self,
        case: Case,
        pixels: Pixels,
        rate: Callable[[float], float],
        mode: str | None = None,
        padding: int | None = 0,
        optimizer: str = "sgd",
    ):
        self.case, self.pixels, self.rate = case, pixels, rate
        self.padding = case.crop_padding if padding == 0 else padding
        self.device = pixels.images.device
        self.network = Network(case).to(self.device, memory_format=torch.channels_last)
        self.optimizer = OPTIMIZERS[optimizer](self.network.parameters())
        self.step_count = 0
        loss_of = self._loss
        self.loss_of = torch.compile(loss_of, mode=mode) if mode else loss_of

    def _loss(self, inputs, labels):
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.case.precision == "bfloat16"):
            logits = self.network(inputs)
        return F.cross_entropy(logits.float(), labels)

    def step(self, inputs: Any, labels: Any, rate: float) -> Any:
        """One step of SGD; the batch's loss before it, on the device."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        loss = self.loss_of(inputs, labels)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        return loss.detach()

    def steps(self, subset: int) -> Iterator[Any]:
        """One epoch on the first `subset` images; yields each batch's loss."""
        size = self.case.batch_size
        images, labels = self.pixels.epoch(subset, self.padding)
        per_epoch = subset // size
        for index in range(per_epoch):
            part = slice(index * size, (index + 1) * size)
            rate = self.rate(self.step_count / per_epoch)
            self.step_count += 1
            yield self.step(self.pixels.normalise(images[part]), labels[part], rate)

    def evaluate(self, images: Any, labels: Any, batch_size: int = 256) -> tuple[float, float]:
        """Mean loss (nats) and accuracy with running statistics, as in `research.training.epoch.evaluate`."""
        self.network.eval()
        loss = torch.zeros((), device=self.device)
        correct = torch.zeros((), device=self.device)
        with torch.inference_mode():
            for start in range(0, len(labels), batch_size):
                wanted = labels[start : start + batch_size]
                inputs = self.pixels.normalise(images[start : start + batch_size])
                with torch.autocast(
                    self.device.type, torch.bfloat16, enabled=self.case.precision == "bfloat16"
                ):
                    logits = self.network(inputs)
                loss += F.cross_entropy(logits.float(), wanted, reduction="sum")
                correct += (logits.argmax(1) == wanted).sum()
        self.network.train()
        return loss.item() / len(labels), correct.item() / len(labels)


def random_pixels(case: Case) -> tuple[np.ndarray, np.ndarray]:
    """As many images as an epoch has; what they show costs no time."""
    rng = np.random.default_rng(0)
    shape = (case.train_size, case.image_size, case.image_size, case.channels)
    images = rng.integers(0, 256, shape, dtype=np.uint8)
    return images, rng.integers(0, case.classes, case.train_size)


# What the processes run.


def training(case: Case, threads: int | None = None, mode: str | None = None) -> dict[str, Any]:
    """Tasks `epoch`, an epoch of training, and `replay`, the frozen network on an epoch's batches."""
    device = configure(threads)
    pixels = Pixels(*random_pixels(case), device)
    run = Training(case, pixels, lambda _: 1e-3, mode)

    def epoch() -> float:
        losses = torch.stack(list(run.steps(case.train_size)))
        return losses.mean().item()  # waits for the device

    def replay() -> float:
        return run.evaluate(*pixels.epoch(case.train_size, case.crop_padding), case.batch_size)[0]

    return {"epoch": epoch, "replay": replay}


def derivatives(case: Case, times: int, threads: int | None = None) -> dict[str, Any]:
    """Tasks `gradient` and `product`, a Hessian-vector product by double backward; each `times` over."""
    device = configure(threads)
    network = Network(case).to(device, memory_format=torch.channels_last)
    params = list(network.parameters())
    vector = [torch.randn_like(p) for p in params]
    pixels = Pixels(*random_pixels(case.at(case.batch_size, 1)), device)
    inputs = pixels.normalise(pixels.images)

    def loss():
        with torch.autocast(device.type, torch.bfloat16, enabled=case.precision == "bfloat16"):
            logits = network(inputs)
        return F.cross_entropy(logits.float(), pixels.labels)

    def gradient() -> float:
        total = torch.zeros((), device=device)
        for _ in range(times):
            total += torch.autograd.grad(loss(), params)[0].sum()
        return total.item()

    def product() -> float:
        total = torch.zeros((), device=device)
        for _ in range(times):
            slopes = torch.autograd.grad(loss(), params, create_graph=True)
            total += torch.autograd.grad(slopes, params, grad_outputs=vector)[0].sum()
        return total.item()

    return {"gradient": gradient, "product": product}


def ceilings(size: int, megabytes: int, precision: str, threads: int | None = None) -> dict[str, Any]:
    """Tasks `matmul`, of square matrices, and `copy`; see `benchmarks._machine`."""
    device = configure(threads)
    a, b = (torch.randn(size, size, device=device, dtype=getattr(torch, precision)) for _ in range(2))
    source = torch.ones(megabytes * 2**20 // 4, device=device)
    target = torch.empty_like(source)
    matrix = torch.empty_like(a)

    def matmul() -> float:
        torch.mm(a, b, out=matrix)
        return matrix[0, 0].item()

    def copy() -> float:
        target.copy_(source)
        return target[0].item()

    return {"matmul": matmul, "copy": copy}


def about() -> dict[str, Any]:
    """Task `about`: versions and the device."""
    found = {"torch": torch.__version__}
    if torch.cuda.is_available():
        found["gpu (torch)"] = torch.cuda.get_device_name()
        found["cuda"] = torch.version.cuda
        found["cudnn"] = str(torch.backends.cudnn.version())
    return {"about": lambda: found}
