"""Data: the catalogue of sets, their readers, splits, sources for the engine, vocabularies."""

from ngjax.data.catalogue import entry, names
from ngjax.data.dataset import Data, Dataset, Human, Split, beside, changed
from ngjax.data.embedded import photograph, photograph_names
from ngjax.data.faces.people import load_people, people_by_photographs, sized
from ngjax.data.faces.warp import Warp
from ngjax.data.fetch import locate
from ngjax.data.images.augment import (
    augmentation,
    crop_and_flip,
    horizontal_flip,
    random_crop,
    shift_and_flip,
)
from ngjax.data.images.image import SUFFIXES, field, like, read_image
from ngjax.data.images.pictures import picture, texture_names
from ngjax.data.load import human_level, load, load_images
from ngjax.data.sequences import by_length, padded
from ngjax.data.series.digit_rows import Rows, rows
from ngjax.data.series.framed import framed
from ngjax.data.series.promoters import letters_of
from ngjax.data.sound.sound_sets import words_and_speakers
from ngjax.data.sound.wave import read_wave
from ngjax.data.sources import Augment, constants, fetched, few, resident, residents
from ngjax.data.split import hold_out
from ngjax.data.text.byte_pairs import BytePairs, joined
from ngjax.data.text.coded import Coded, coded
from ngjax.data.text.coder import Coder
from ngjax.data.text.parallel import translations
from ngjax.data.text.passages import Corpus, corpus, kept, known_words, neighbours, passages
from ngjax.data.text.sentences import words_of
from ngjax.data.text.spelled import Spelling, load_tagged
from ngjax.data.text.streams import name_rows, streams, windows
from ngjax.data.text.vectors import read_vectors, vector_lines
from ngjax.data.text.vocabulary import EOS, UNK, Vocabulary, words_of_lines

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
    "beside",
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
    "vector_lines",
    "windows",
    "words_and_speakers",
    "words_of",
    "words_of_lines",
]
