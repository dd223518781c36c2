"""The published networks as PyTorch computes them, narrow, with weights drawn from their names.

Each class has the names and the arithmetic of torchvision's (written here anew, for a torchvision
would bring gigabytes). A test draws the same weights from the same names, writes them as a file of
safetensors, and wants the same logits from the converter and our network.
"""

import zlib

import numpy as np

SIDE, CLASSES = 64, 7
NETWORKS = (
    "vgg16",
    "vgg19",
    "vgg16_timm",
    "vgg11_bn",
    "alexnet",
    "resnet18",
    "resnet50",
    "googlenet",
)
WIDTH = 1 / 16


def drawn(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """A weight that hangs on its name alone, of a size that keeps activations near one."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    if name.endswith("running_var") or (name.endswith("weight") and len(shape) == 1):
        return rng.uniform(0.5, 1.5, shape).astype(np.float32)
    if len(shape) == 1:
        return rng.normal(0, 0.1, shape).astype(np.float32)
    return rng.normal(0, np.sqrt(2 / np.prod(shape[1:])), shape).astype(np.float32)


def image(side: int = SIDE) -> np.ndarray:
    return np.random.default_rng(5).normal(size=(2, side, side, 3)).astype(np.float32)


def scaled(count: int) -> int:
    return max(1, round(WIDTH * count))


def compute() -> dict[str, np.ndarray]:
    import torch
    from torch import nn

    def vgg(plan, norm=False, timm=False):
        layers, C = [], 3
        for step in plan:
            if step == "M":
                layers.append(nn.MaxPool2d(2, 2))
                continue
            layers.append(nn.Conv2d(C, scaled(step), 3, padding=1))
            C = scaled(step)
            layers += [nn.BatchNorm2d(C), nn.ReLU()] if norm else [nn.ReLU()]
        units, map_side = scaled(4096), SIDE // 32

        class Timm(nn.Module):
            def __init__(self):
                super().__init__()
                self.fc1 = nn.Conv2d(C, units, map_side)
                self.fc2 = nn.Conv2d(units, units, 1)

            def forward(self, a):
                return torch.relu(self.fc2(torch.relu(self.fc1(a))))

        class Head(nn.Module):
            def __init__(self):
                super().__init__()
                self.fc = nn.Linear(units, CLASSES)

            def forward(self, a):
                return self.fc(a.flatten(1))

        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.features = nn.Sequential(*layers)
                if timm:
                    self.pre_logits, self.head = Timm(), Head()
                else:
                    self.classifier = nn.Sequential(
                        nn.Linear(C * map_side**2, units), nn.ReLU(), nn.Dropout(),
                        nn.Linear(units, units), nn.ReLU(), nn.Dropout(),
                        nn.Linear(units, CLASSES),
                    )  # fmt: skip

            def forward(self, x):
                a = self.features(x)
                if timm:
                    return self.head(self.pre_logits(a))
                return self.classifier(a.flatten(1))

        return Net()

    class AlexNet(nn.Module):
        def __init__(self):
            super().__init__()
            f = [scaled(n) for n in (64, 192, 384, 256, 256)]
            pool = lambda: nn.MaxPool2d(3, 2)  # noqa: E731
            self.features = nn.Sequential(
                nn.Conv2d(3, f[0], 11, 4, 2), nn.ReLU(), pool(),
                nn.Conv2d(f[0], f[1], 5, padding=2), nn.ReLU(), pool(),
                nn.Conv2d(f[1], f[2], 3, padding=1), nn.ReLU(),
                nn.Conv2d(f[2], f[3], 3, padding=1), nn.ReLU(),
                nn.Conv2d(f[3], f[4], 3, padding=1), nn.ReLU(), pool(),
            )  # fmt: skip
            units = scaled(4096)
            self.classifier = nn.Sequential(
                nn.Dropout(), nn.Linear(f[4] * 36, units), nn.ReLU(),
                nn.Dropout(), nn.Linear(units, units), nn.ReLU(),
                nn.Linear(units, CLASSES),
            )  # fmt: skip

        def forward(self, x):
            return self.classifier(self.features(x).flatten(1))

    class Block(nn.Module):
        def __init__(self, C, F, stride, bottleneck):
            super().__init__()
            out = 4 * F if bottleneck else F
            self.deep = bottleneck
            if bottleneck:
                self.conv1 = nn.Conv2d(C, F, 1, bias=False)
                self.conv2 = nn.Conv2d(F, F, 3, stride, 1, bias=False)
                self.conv3, self.bn3 = nn.Conv2d(F, out, 1, bias=False), nn.BatchNorm2d(out)
            else:
                self.conv1 = nn.Conv2d(C, F, 3, stride, 1, bias=False)
                self.conv2 = nn.Conv2d(F, F, 3, 1, 1, bias=False)
            self.bn1, self.bn2 = nn.BatchNorm2d(F), nn.BatchNorm2d(F)
            self.downsample = None
            if stride != 1 or out != C:
                self.downsample = nn.Sequential(
                    nn.Conv2d(C, out, 1, stride, bias=False), nn.BatchNorm2d(out)
                )

        def forward(self, a):
            z = torch.relu(self.bn1(self.conv1(a)))
            z = self.bn2(self.conv2(z))
            if self.deep:
                z = self.bn3(self.conv3(torch.relu(z)))
            return torch.relu(z + (a if self.downsample is None else self.downsample(a)))

    class ResNet(nn.Module):
        def __init__(self, blocks, bottleneck):
            super().__init__()
            C = scaled(64)
            self.conv1, self.bn1 = nn.Conv2d(3, C, 7, 2, 3, bias=False), nn.BatchNorm2d(C)
            self.pool = nn.MaxPool2d(3, 2, 1)
            for stage, (count, filters) in enumerate(zip(blocks, (64, 128, 256, 512), strict=True)):
                layers = []
                for n in range(count):
                    F = scaled(filters)
                    layers.append(Block(C, F, 2 if stage and not n else 1, bottleneck))
                    C = 4 * F if bottleneck else F
                setattr(self, f"layer{stage + 1}", nn.Sequential(*layers))
            self.fc = nn.Linear(C, CLASSES)

        def forward(self, x):
            a = self.pool(torch.relu(self.bn1(self.conv1(x))))
            for stage in (1, 2, 3, 4):
                a = getattr(self, f"layer{stage}")(a)
            return self.fc(a.mean((2, 3)))

    class Unit(nn.Module):
        def __init__(self, C, F, side, stride=1):
            super().__init__()
            self.conv = nn.Conv2d(C, F, side, stride, side // 2, bias=False)
            self.bn = nn.BatchNorm2d(F, eps=1e-3)

        def forward(self, a):
            return torch.relu(self.bn(self.conv(a)))

    class Inception(nn.Module):
        def __init__(self, C, *widths):
            super().__init__()
            one, r3, three, r5, five, pooled = (scaled(w) for w in widths)
            self.branch1 = Unit(C, one, 1)
            self.branch2 = nn.Sequential(Unit(C, r3, 1), Unit(r3, three, 3))
            self.branch3 = nn.Sequential(Unit(C, r5, 1), Unit(r5, five, 3))
            self.branch4 = nn.Sequential(nn.MaxPool2d(3, 1, 1), Unit(C, pooled, 1))
            self.out = one + three + five + pooled

        def forward(self, a):
            branches = (self.branch1, self.branch2, self.branch3, self.branch4)
            return torch.cat([branch(a) for branch in branches], 1)

    class GoogLeNet(nn.Module):
        PLAN = (
            ("3a", 64, 96, 128, 16, 32, 32), ("3b", 128, 128, 192, 32, 96, 64), "pool",
            ("4a", 192, 96, 208, 16, 48, 64), ("4b", 160, 112, 224, 24, 64, 64),
            ("4c", 128, 128, 256, 24, 64, 64), ("4d", 112, 144, 288, 32, 64, 64),
            ("4e", 256, 160, 320, 32, 128, 128), "pool",
            ("5a", 256, 160, 320, 32, 128, 128), ("5b", 384, 192, 384, 48, 128, 128),
        )  # fmt: skip

        def __init__(self):
            super().__init__()
            self.conv1 = Unit(3, scaled(64), 7, 2)
            self.conv2 = Unit(scaled(64), scaled(64), 1)
            self.conv3 = Unit(scaled(64), scaled(192), 3)
            self.pool = nn.MaxPool2d(3, 2, ceil_mode=True)
            C = scaled(192)
            for step in self.PLAN:
                if step != "pool":
                    module = Inception(C, *step[1:])
                    C = module.out
                    setattr(self, f"inception{step[0]}", module)
            self.fc = nn.Linear(C, CLASSES)

        def forward(self, x):
            a = self.pool(self.conv3(self.conv2(self.pool(self.conv1(x)))))
            for step in self.PLAN:
                a = self.pool(a) if step == "pool" else getattr(self, f"inception{step[0]}")(a)
            return self.fc(a.mean((2, 3)))

    sixteen = [64, 64, "M", 128, 128, "M", *[256] * 3, "M", *[512] * 3, "M", *[512] * 3, "M"]
    nineteen = [64, 64, "M", 128, 128, "M", *[256] * 4, "M", *[512] * 4, "M", *[512] * 4, "M"]
    eleven = [64, "M", 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M"]
    built = {
        "vgg16": vgg(sixteen),
        "vgg19": vgg(nineteen),
        "vgg16_timm": vgg(sixteen, timm=True),
        "vgg11_bn": vgg(eleven, norm=True),
        "alexnet": AlexNet(),
        "resnet18": ResNet((2, 2, 2, 2), False),
        "resnet50": ResNet((3, 4, 6, 3), True),
        "googlenet": GoogLeNet(),
    }
    found: dict[str, np.ndarray] = {}
    for name, net in built.items():
        state = {
            key: torch.tensor(drawn(key, tuple(value.shape)))
            for key, value in net.state_dict().items()
            if not key.endswith("num_batches_tracked")
        }
        net.load_state_dict(state, strict=False)
        side = 224 if name == "alexnet" else SIDE
        with torch.no_grad():
            logits = net.eval()(torch.tensor(image(side)).permute(0, 3, 1, 2))
        found[f"{name}/logits"] = logits.numpy()
        shapes = [f"{key}:{','.join(map(str, v.shape))}" for key, v in state.items()]
        found[f"{name}/shapes"] = np.array(shapes)
    photo = np.random.default_rng(6).integers(0, 256, (64, 94, 3)).astype(np.uint8)
    top, left = round((64 - 56) / 2), round((94 - 56) / 2)
    cut = torch.tensor(photo)[top : top + 56, left : left + 56].permute(2, 0, 1).float() / 255
    mean = torch.tensor([0.485, 0.456, 0.406])[:, None, None]
    deviation = torch.tensor([0.229, 0.224, 0.225])[:, None, None]
    found["preprocess/photo"] = photo
    found["preprocess/x"] = ((cut - mean) / deviation).permute(1, 2, 0).numpy()
    return found
