"""Data: the catalogue of sets, their readers, splits, sources for the engine, vocabularies."""

from ngjax.data.augment import (
    augmentation,
    crop_and_flip,
    horizontal_flip,
    random_crop,
    shift_and_flip,
)
from ngjax.data.byte_pairs import BytePairs, joined
from ngjax.data.catalogue import entry, names
from ngjax.data.coded import Coded, coded
from ngjax.data.coder import Coder
from ngjax.data.dataset import Data, Dataset, Human, Split, changed
from ngjax.data.digit_rows import Rows, rows
from ngjax.data.embedded import photograph, photograph_names
from ngjax.data.fetch import locate
from ngjax.data.framed import framed
from ngjax.data.image import SUFFIXES, field, like, read_image
from ngjax.data.load import human_level, load, load_images
from ngjax.data.parallel import translations
from ngjax.data.passages import Corpus, corpus, kept, known_words, neighbours, passages
from ngjax.data.people import load_people, people_by_photographs, sized
from ngjax.data.pictures import picture, texture_names
from ngjax.data.promoters import letters_of
from ngjax.data.sentences import words_of
from ngjax.data.sequences import by_length, padded
from ngjax.data.sound import read_wave
from ngjax.data.sound_sets import words_and_speakers
from ngjax.data.sources import Augment, constants, fetched, few, resident, residents
from ngjax.data.spelled import Spelling, load_tagged
from ngjax.data.split import hold_out
from ngjax.data.streams import name_rows, streams, windows
from ngjax.data.vectors import read_vectors
from ngjax.data.vocabulary import EOS, UNK, Vocabulary, words_of_lines
from ngjax.data.warp import Warp

__all__ = [
    "EOS",
    "SUFFIXES",
    "UNK",
    "Augment",
    "BytePairs",
    "Coded",
    "Coder",
    "Corpus",
    "Data",
    "Dataset",
    "Human",
    "Rows",
    "Spelling",
    "Split",
    "Vocabulary",
    "Warp",
    "augmentation",
    "by_length",
    "changed",
    "coded",
    "constants",
    "corpus",
    "crop_and_flip",
    "entry",
    "fetched",
    "few",
    "field",
    "framed",
    "hold_out",
    "horizontal_flip",
    "human_level",
    "joined",
    "kept",
    "known_words",
    "letters_of",
    "like",
    "load",
    "load_images",
    "load_people",
    "load_tagged",
    "locate",
    "name_rows",
    "names",
    "neighbours",
    "padded",
    "passages",
    "people_by_photographs",
    "photograph",
    "photograph_names",
    "picture",
    "random_crop",
    "read_image",
    "read_vectors",
    "read_wave",
    "resident",
    "residents",
    "rows",
    "shift_and_flip",
    "sized",
    "streams",
    "texture_names",
    "translations",
    "windows",
    "words_and_speakers",
    "words_of",
    "words_of_lines",
]
