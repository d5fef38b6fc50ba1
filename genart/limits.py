"""Numbers that several modules keep, each in one place. It imports nothing, so that nobody has to copy one."""

MAX_FILE = 40 * 2**20  # bytes of a picture, to be opened or saved
MAX_DIRECTION = 4 * 2**20  # bytes of a direction's file
MAX_SHEET = 80 * 10**6  # pixels; image programs, Pillow among them, warn of a bomb from 89 million
SPARE_BYTES = 64 * 2**20  # of a disk, that nothing of ours fills
SMALL = 32  # pixels a side of a map's pictures
