#!/usr/bin/env python3
"""Writes src/data/digits_values.cc from scikit-learn's digits.csv.

    pip download --no-deps scikit-learn && unzip scikit_learn*.whl sklearn/datasets/data/digits.csv.gz
    tools/make_digits.py sklearn/datasets/data/digits.csv.gz > src/data/digits_values.cc

One line of the source is one picture: 64 letters, 'a' for 0 to 'q' for 16, and the digit that it shows. Letters, because
they need no escapes, and a line for each picture, because compilers limit the length of a string and people read diffs.
"""
import gzip
import hashlib
import pathlib
import sys

SHA256 = "6ebb3d2fee246a4e99363262ddf8a00a3c41bee6014c373ed9d9216ba7f651b8"

HEADER = """\
// src/data/digits_values.cc: made by tools/make_digits.py from digits.csv of scikit-learn; change the script instead.
//
// Optical Recognition of Handwritten Digits, E. Alpaydin and C. Kaynak, UCI Machine Learning Repository, 1998,
// https://doi.org/10.24432/C50P49, test part. Licence of the data: CC BY 4.0,
// https://creativecommons.org/licenses/by/4.0/. Changed in nothing but the notation.
#include "src/data/digits.h"

namespace udnn::data {

// clang-format off
const char kDigitRows[kDigitCount][kDigitPixels + 2] = {
"""

FOOTER = """\
};
// clang-format on

}  // namespace udnn::data
"""


def main(path: pathlib.Path) -> None:
    raw = path.read_bytes()
    text = gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
    if hashlib.sha256(text).hexdigest() != SHA256:
        sys.exit(f"{path}: not the digits.csv of scikit-learn, expected sha256 {SHA256}")
    sys.stdout.write(HEADER)
    for line in text.decode("ascii").splitlines():
        *pixels, label = (int(value) for value in line.split(","))
        sys.stdout.write(f'    "{"".join(chr(ord("a") + pixel) for pixel in pixels)}{label}",\n')
    sys.stdout.write(FOOTER)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: make_digits.py digits.csv[.gz] > src/data/digits_values.cc")
    main(pathlib.Path(sys.argv[1]))
