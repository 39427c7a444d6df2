"""A small anchor-free detector for textures of 8 to 90 px, written for two CPU cores.

The plan is the usual one: a backbone with cross-stage partial blocks (Wang et al. 2020, CSPNet), fast spatial
pyramid pooling (He et al. 2015), a path aggregation neck (Liu et al. 2018, PANet) and a decoupled head (Ge et al.
2021, YOLOX) on strides 8, 16 and 32. Most of its cost lies at strides 4 and 8, where defects are. ReLU
everywhere: it is the cheapest on a CPU and bounded below by zero, so that eight bits are enough for what follows.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Sequence

STRIDES = (8, 16, 32)
_PRIOR = 0.01  # the probability that an untrained cell gives a class: RetinaNet's (Lin et al. 2017)


class ConvUnit(nn.Module):
    """A convolution, batch normalisation, ReLU. `fuse` folds the second into the first."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
        self.norm: nn.Module = nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.03)

    def forward(self, x: Tensor) -> Tensor:
        """The unit's map."""
        return functional.relu(self.norm(self.conv(x)), inplace=True)

    def fuse(self) -> None:
        """Fold the normalisation into the convolution's weights and a bias."""
        if not isinstance(self.norm, nn.BatchNorm2d):
            return
        self.conv = nn.utils.fuse_conv_bn_eval(self.conv.eval(), self.norm.eval())
        self.norm = nn.Identity()


class Csp(nn.Module):
    """A cross-stage partial block: half the channels go through residual bottlenecks, every stage is kept."""

    def __init__(self, inputs: int, outputs: int, half: int, repeats: int, *, shortcut: bool = True) -> None:
        super().__init__()
        self.half_width = half
        self.enter = ConvUnit(inputs, 2 * half, 1)
        self.steps = nn.ModuleList(
            nn.Sequential(ConvUnit(half, half), ConvUnit(half, half)) for _ in range(repeats)
        )
        self.leave = ConvUnit((2 + repeats) * half, outputs, 1)
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        """The block's map, of the same size."""
        parts = list(self.enter(x).split(self.half_width, 1))
        for step in self.steps:
            inner = step(parts[-1])
            parts.append(parts[-1] + inner if self.shortcut else inner)
        return self.leave(torch.cat(parts, 1))


class Pyramid(nn.Module):
    """Fast spatial pyramid pooling: three 5x5 maximum pools in a row, every stage kept."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.enter = ConvUnit(channels, channels // 2, 1)
        self.leave = ConvUnit(2 * channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """The block's map, of the same size."""
        parts = [self.enter(x)]
        for _ in range(3):
            parts.append(functional.max_pool2d(parts[-1], 5, 1, 2))
        return self.leave(torch.cat(parts, 1))


class Backbone(nn.Module):
    """Maps at strides 8, 16 and 32 with 64, 96 and 128 channels."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(ConvUnit(3, 16, 3, 2), ConvUnit(16, 32, 3, 2), Csp(32, 32, 16, 1))
        self.p3 = nn.Sequential(ConvUnit(32, 64, 3, 2), Csp(64, 64, 32, 1))
        self.p4 = nn.Sequential(ConvUnit(64, 96, 3, 2), Csp(96, 96, 48, 1))
        self.p5 = nn.Sequential(ConvUnit(96, 128, 3, 2), Csp(128, 128, 64, 1), Pyramid(128))

    def forward(self, x: Tensor) -> list[Tensor]:
        """The three maps."""
        p3 = self.p3(self.stem(x))
        p4 = self.p4(p3)
        return [p3, p4, self.p5(p4)]


class Neck(nn.Module):
    """Path aggregation: coarse context down to the fine maps, fine detail up again."""

    channels = (48, 64, 96)

    def __init__(self) -> None:
        super().__init__()
        self.lateral = ConvUnit(128, 64, 1)
        self.top4 = Csp(64 + 96, 64, 32, 1, shortcut=False)
        self.top3 = Csp(64 + 64, 48, 24, 1, shortcut=False)
        self.down4 = ConvUnit(48, 64, 3, 2)
        self.out4 = Csp(64 + 64, 64, 32, 1, shortcut=False)
        self.down5 = ConvUnit(64, 64, 3, 2)
        self.out5 = Csp(64 + 64, 96, 48, 1, shortcut=False)

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """The three maps, with 48, 64 and 96 channels."""
        p3, p4, p5 = maps
        f5 = self.lateral(p5)
        f4 = self.top4(torch.cat([_twice(f5), p4], 1))
        f3 = self.top3(torch.cat([_twice(f4), p3], 1))
        n4 = self.out4(torch.cat([self.down4(f3), f4], 1))
        n5 = self.out5(torch.cat([self.down5(n4), f5], 1))
        return [f3, n4, n5]


def _twice(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=2.0, mode="nearest")


class Branch(nn.Module):
    """One branch of the decoupled head on one level: a 3x3 unit, then a plain 1x1 convolution."""

    def __init__(self, inputs: int, hidden: int, outputs: int) -> None:
        super().__init__()
        self.hidden = ConvUnit(inputs, hidden)
        self.last = nn.Conv2d(hidden, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Raw values (N, outputs, H, W)."""
        return self.last(self.hidden(x))


class PlantNet(nn.Module):
    """The detector: pictures to raw box values and class logits of every cell.

    A cell predicts the offset of the box's centre and half its sides, both in cells: a centre may lie outside the
    box that predicts it, which hair-thin scratches need, and sides are always positive.

    Args:
        classes: Number of classes.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.classes = classes
        self.backbone = Backbone()
        self.neck = Neck()
        self.box = nn.ModuleList(Branch(c, h, 4) for c, h in zip(Neck.channels, (16, 32, 32), strict=True))
        self.score = nn.ModuleList(
            Branch(c, h, classes) for c, h in zip(Neck.channels, (32, 48, 48), strict=True)
        )
        self._start()

    def _start(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        for box, score in zip(self.box, self.score, strict=True):
            nn.init.normal_(box.last.weight, std=0.01)
            nn.init.normal_(score.last.weight, std=0.01)
            nn.init.zeros_(box.last.bias)
            with torch.no_grad():
                box.last.bias[2:] = 1.0
            nn.init.constant_(score.last.bias, -math.log((1 - _PRIOR) / _PRIOR))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Raw box values and class logits.

        Args:
            x: RGB pictures, float32 (N, 3, H, W), 0 to 1, sides multiples of 32.

        Returns:
            Centre offsets and raw half sides (N, 4, A), class logits (N, classes, A); A runs level by level.
        """
        maps = self.neck(self.backbone(x))
        raw = [branch(m).flatten(2) for branch, m in zip(self.box, maps, strict=True)]
        logits = [branch(m).flatten(2) for branch, m in zip(self.score, maps, strict=True)]
        return torch.cat(raw, 2), torch.cat(logits, 2)

    def fuse(self) -> PlantNet:
        """The same network without batch normalisation, for export."""
        for module in self.modules():
            if isinstance(module, ConvUnit):
                module.fuse()
        return self


def cells(height: int, width: int) -> tuple[Tensor, Tensor]:
    """The cells of all levels.

    Args:
        height: Pixels, a multiple of 32.
        width: The same.

    Returns:
        Centres float32 (2, A), x and y in cells; strides float32 (1, A), pixels.
    """
    points, strides = [], []
    for stride in STRIDES:
        rows, columns = height // stride, width // stride
        y, x = torch.meshgrid(torch.arange(rows) + 0.5, torch.arange(columns) + 0.5, indexing="ij")
        points.append(torch.stack([x.flatten(), y.flatten()]))
        strides.append(torch.full((1, rows * columns), float(stride)))
    return torch.cat(points, 1), torch.cat(strides, 1)


def corners(raw: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
    """The two corners of the predicted boxes in cells of their level, each (N, 2, A).

    Args:
        raw: Raw box values (N, 4, A).
        points: Cell centres (2, A) in cells.
    """
    offset, half = raw[:, :2], functional.softplus(raw[:, 2:])
    return points - (half - offset), points + (half + offset)
