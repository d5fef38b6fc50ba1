"""Directions in w that change a picture in one way: found, measured, learnt, taken along. It knows no family."""

from genart.directions.axes import axes_of, directions, names, sample_w
from genart.directions.examples import LEAST, MOST, Learnt, learn
from genart.directions.files import from_file, keep, kept, to_file
from genart.directions.measures import MEASURES, Direction, measurable, measured

__all__ = [
    "LEAST",
    "MEASURES",
    "MOST",
    "Direction",
    "Learnt",
    "axes_of",
    "directions",
    "from_file",
    "keep",
    "kept",
    "learn",
    "measurable",
    "measured",
    "names",
    "sample_w",
    "to_file",
]
