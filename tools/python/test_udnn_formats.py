"""udnn_formats.py against numpy's own float16 and plain definitions: python3 test_udnn_formats.py (UDNN_C_LIBRARY says
which library). Exit code 77 and a reason where numpy is missing."""

import contextlib
import io
import math
import pathlib
import sys
import unittest

try:
    import numpy as np
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.dont_write_bytecode = True
from udnn_formats import Format, Scale, Statistics, describe, version  # noqa: E402

X = np.random.default_rng(1).standard_normal((50, 8))


class Formats(unittest.TestCase):
    def test_version_is_three_numbers(self) -> None:
        self.assertRegex(version(), r"^\d+\.\d+\.\d+$")

    def test_describe_knows_fp16_as_numpy_does(self) -> None:
        facts, numpy_facts = describe("f5.10"), np.finfo(np.float16)
        self.assertEqual(facts["name"], "fp16")
        self.assertEqual(facts["largest"], float(numpy_facts.max))
        self.assertEqual(facts["smallest_normal"], float(numpy_facts.smallest_normal))
        self.assertEqual(facts["smallest_subnormal"], float(numpy_facts.smallest_subnormal))
        self.assertEqual(facts["spacing_at_one"], float(numpy_facts.eps))
        self.assertIs(facts["fits_double"], True)

    def test_fp16_rounds_as_numpy_does(self) -> None:
        fp16 = Format("fp16")
        wide = np.concatenate([X.ravel() * 2.0**power for power in range(-30, 20)])
        with np.errstate(over="ignore"):
            want = wide.astype(np.float16)
        np.testing.assert_array_equal(fp16.quantize(wide), want.astype(np.float64))
        narrow = wide.astype(np.float32)
        with np.errstate(over="ignore"):
            want = narrow.astype(np.float16)
        np.testing.assert_array_equal(fp16.quantize(narrow), want.astype(np.float32))
        np.testing.assert_array_equal(fp16.encode(narrow), want.view(np.uint16).astype(np.uint64))
        np.testing.assert_array_equal(fp16.decode(want.view(np.uint16).astype(np.uint64)), want.astype(np.float32))
        self.assertEqual(fp16.pack(fp16.encode(narrow)), want.tobytes())

    def test_fixed_point_rounds_by_its_definition(self) -> None:
        want = np.clip(np.round(X * 64), -128, 127) / 64
        np.testing.assert_array_equal(Format("fx2.6").quantize(X), want)

    def test_int8_has_a_scale_for_each_channel(self) -> None:
        int8 = Format("int8")
        scales = int8.find_scales(X, channels=8)
        units = np.abs(X).max(axis=0) / 127
        np.testing.assert_array_equal([scale.unit for scale in scales], units)
        codes = int8.encode(X, scales=scales)
        np.testing.assert_array_equal(codes.astype(np.uint8).view(np.int8), np.round(X / units))
        for wrong in ([256], [-1], [1.5]):  # of which packing would keep the low bits
            with self.assertRaisesRegex(ValueError, "expected whole numbers from 0 to 2\\^8 - 1"):
                int8.pack(np.array(wrong))
        data = int8.pack(codes)
        self.assertEqual(len(data), X.size)
        unpacked = int8.unpack(data, X.size).reshape(X.shape)
        np.testing.assert_array_equal(int8.decode(unpacked, scales=scales, dtype=np.float64),
                                      int8.quantize(X, scales=scales))
        np.testing.assert_array_equal(int8.quantize(X, scales=0.5), int8.quantize(X, scales=[Scale(unit=0.5)]))

    def test_mx_has_a_byte_for_each_block_of_a_row(self) -> None:
        mx, x = Format("mxfp4"), np.random.default_rng(2).standard_normal((6, 64))
        codes, block_scales = mx.encode_blocks(x)
        self.assertEqual((codes.shape, block_scales.size, block_scales.dtype), (x.shape, 12, np.uint8))
        largest = np.abs(x).reshape(12, 32).max(axis=1)
        np.testing.assert_array_equal(block_scales, np.floor(np.log2(largest)) - 2 + 127)  # OCP MX 1.0, section 6.3
        e2m1 = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6])
        values = np.where(codes & 8, -1, 1) * e2m1[codes & 7] * np.exp2(block_scales - 127.0).repeat(32).reshape(x.shape)
        np.testing.assert_array_equal(mx.quantize(x), values)
        np.testing.assert_array_equal(mx.decode_blocks(codes, block_scales, dtype=np.float64), values)
        np.testing.assert_array_equal(mx.decode_blocks(codes, block_scales), values.astype(np.float32))
        self.assertEqual(len(mx.pack(codes)), x.size // 2)
        self.assertEqual((mx.blocks(33), Format("e4m3").blocks(33)), (2, 0))
        statistics = Statistics()
        mx.encode_blocks(x[0, :33], statistics=statistics)
        self.assertEqual(statistics.count, 33)

    def test_nvfp4_has_a_scale_of_the_tensor_too(self) -> None:
        nvfp4 = Format("nvfp4:sr")
        tensor = nvfp4.find_scales(X)
        codes, block_scales = nvfp4.encode_blocks(X, scales=tensor, seed=3)
        np.testing.assert_array_equal(nvfp4.decode_blocks(codes, block_scales, scales=tensor, dtype=np.float64),
                                      nvfp4.quantize(X, scales=tensor, seed=3))
        self.assertEqual(block_scales.max(), 0x7e)  # 448: of the block with the largest
        with self.assertRaisesRegex(ValueError, "no scale, expected one"):
            nvfp4.encode_blocks(X)
        with self.assertRaisesRegex(ValueError, "expected encode_blocks"):
            nvfp4.encode(X, scales=tensor)

    def test_arrays_of_any_shape_and_order(self) -> None:
        e4m3 = Format("e4m3")
        np.testing.assert_array_equal(e4m3.quantize(X.T), e4m3.quantize(X).T)
        np.testing.assert_array_equal(e4m3.quantize(X[::3, ::2]), e4m3.quantize(X)[::3, ::2])
        self.assertEqual(e4m3.quantize(np.float32(0.1)).shape, ())
        self.assertEqual(e4m3.quantize(np.zeros((0, 3))).shape, (0, 3))
        self.assertEqual(e4m3.quantize([1, 17]).tolist(), [1, 16])
        in_place = X.copy()
        self.assertIs(e4m3.quantize(in_place, in_place), in_place)
        np.testing.assert_array_equal(in_place, e4m3.quantize(X))

    def test_the_word_belongs_to_the_element(self) -> None:
        fx = Format("fx2.6:sr")
        x = np.full(1000, 0.3)
        whole = fx.quantize(x, seed=7)
        self.assertEqual(set(whole * 64), {19, 20})
        np.testing.assert_array_equal(fx.quantize(x[301:], seed=7, first_element=301), whole[301:])
        self.assertFalse(np.array_equal(fx.quantize(x, seed=7, step=1), whole))
        self.assertFalse(np.array_equal(fx.quantize(x, seed=8), whole))

    def test_statistics(self) -> None:
        statistics = Statistics()
        Format("e4m3").quantize([0, 1e-9, 500, 0.1, math.inf], statistics=statistics)
        self.assertEqual((statistics.count, statistics.zeros_in, statistics.zeros_out), (5, 1, 1))
        self.assertEqual((statistics.saturated, statistics.non_finite, statistics.max_abs), (1, 1, 500))
        self.assertAlmostEqual(statistics.sqnr_db,
                               10 * math.log10(statistics.value_squares / statistics.error_squares))

    def test_the_readme_runs(self) -> None:
        readme = (pathlib.Path(__file__).resolve().parent / "README.md").read_text()
        names: dict[str, object] = {}
        with contextlib.redirect_stdout(io.StringIO()) as said:
            exec(readme.split("```python")[1].split("```")[0], names)
        self.assertRegex(said.getvalue(), r"^448\.0\n\d+\.\d dB, \d+ values became 0\n$")
        self.assertEqual((len(names["data"]), names["block_scales"].nbytes), (320, 20))
        self.assertLess(np.abs(names["w4"] - names["w"]).max(), max(scale.unit for scale in names["scales"]))

    def test_longdouble_holds_what_float64_does_not(self) -> None:
        wide, tiny = Format("fx8.56"), np.ldexp(np.longdouble(1), -56)
        x = np.array([1, 1, 300, -1], np.longdouble) + np.array([tiny, tiny / 2, 0, 0], np.longdouble)
        q = wide.quantize(x)
        self.assertEqual(q.dtype, np.longdouble)
        self.assertEqual(q.tolist(), [x[0], 1, 128 - tiny, -1])
        self.assertEqual(wide.encode(x).tolist()[:2], [(1 << 56) + 1, 1 << 56])
        self.assertEqual(wide.decode(wide.encode(x), dtype=np.longdouble).tolist(), q.tolist())

    def test_refusals_are_the_librarys_words(self) -> None:
        with self.assertRaisesRegex(ValueError, "unknown modifier 'srr' at column 7, did you mean 'sr'"):
            Format("fx2.6:srr")
        with self.assertRaisesRegex(NotImplementedError, "fx32.32: 63 significant bits, expected at most 53 in the double"):
            Format("fx32.32").quantize(X)
        with self.assertRaisesRegex(TypeError, "in blocks, expected float32 or float64"):
            Format("mxfp4").encode_blocks(X.astype(np.longdouble))
        with self.assertRaisesRegex(ValueError, "fp64: does not fit the float carrier"):
            Format("fp64").quantize(X.astype(np.float32))
        with self.assertRaisesRegex(ValueError, "dfx8: scale 0.3, expected a power of two"):
            Format("dfx8").quantize(X, scales=0.3)
        with self.assertRaisesRegex(ValueError, "seed: -1"):
            Format("fx2.6:sr").quantize(X, seed=-1)
        with self.assertRaisesRegex(ValueError, "out: float32"):
            Format("e4m3").quantize(X, np.empty(X.shape, np.float32))
        with self.assertRaisesRegex(TypeError, "complex128 array"):
            Format("e4m3").quantize(X * 1j)
        with self.assertRaisesRegex(TypeError, "int64 array"):
            Format("e4m3").quantize(np.array([2**53 + 1]))


if __name__ == "__main__":
    unittest.main()
