#!/usr/bin/env python3
"""check_spills.py OBJECT...   Fails if the innermost loop of a matrix kernel keeps a sum on the stack: half the speed.

In the disassembly of each Gemm<...>::run_tile, an innermost loop is what stands between a backward jump and its target
without another one inside; one that multiplies may not move a vector register to or from the stack. The baseline is
left out: its 16 registers and separate multiplications leave no other way.
"""
import re
import subprocess
import sys

MULTIPLY = re.compile(r"\b(vfmadd|vdpbf16ps|vpdpbusd|\{vex\} vpdpbusd|vpmaddwd)")
ON_STACK = re.compile(r"[xyz]mm\d+.*\(%r[sb]p|\(%r[sb]p[^)]*\).*[xyz]mm")
INSTRUCTION = re.compile(r"^\s*([0-9a-f]+):\s+(.*)$")
JUMP = re.compile(r"^j\w+\s+([0-9a-f]+)\b")


def functions(path):
    """(name, [(address, text)]) of the matrix kernels."""
    text = subprocess.run(
        ["objdump", "--disassemble", "--demangle", "--no-show-raw-insn", path], capture_output=True, text=True, check=True
    ).stdout
    for block in text.split("\n\n"):
        head, _, body = block.strip().partition("\n")
        name = re.match(r"^[0-9a-f]+ <(.*)>:$", head)
        if name and "kernels::Gemm<" in name[1]:
            lines = [match.groups() for match in map(INSTRUCTION.match, body.split("\n")) if match]
            yield name[1], [(int(address, 16), instruction) for address, instruction in lines]


def innermost_loops(lines):
    jumps = [(int(match[1], 16), address) for address, text in lines if (match := JUMP.match(text))]
    loops = [(begin, end) for begin, end in jumps if begin <= end]
    for begin, end in loops:
        if not any(begin <= b and e < end or begin < b and e <= end for b, e in loops):
            yield [text for address, text in lines if begin <= address <= end]


def main():
    loops = faults = 0
    for path in sys.argv[1:]:
        for name, lines in functions(path):
            for loop in innermost_loops(lines):
                if not any(map(MULTIPLY.search, loop)):
                    continue
                loops += 1
                spilled = [text for text in loop if ON_STACK.search(text)]
                if spilled:
                    faults += 1
                    print(f"{path}: {name}: {len(spilled)} vectors on the stack in a loop: {spilled[0]}", file=sys.stderr)
    if loops == 0:
        sys.exit("check_spills: no loop that multiplies; expected the kernels of an instruction set")
    print(f"{loops} loops")
    sys.exit(1 if faults else 0)


main()
