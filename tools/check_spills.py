#!/usr/bin/env python3
"""check_spills.py OBJDUMP OBJECT...   Fails if the innermost loop of a matrix kernel keeps a sum on the stack: half the speed.

In the disassembly of each Gemm<...>::run_tile, an innermost loop is one without another inside; one that multiplies may
not move a vector register to or from the stack. The baseline of x86 is left out: its 16 registers and separate
multiplications leave no other way.
"""
import re
import subprocess
import sys

MULTIPLY = re.compile(r"\b(vfmadd|vdpbf16ps|vpdpbusd|\{vex\} vpdpbusd|vpmaddwd|fmla|smlal|sdot|sudot)")
ON_STACK = re.compile(r"[xyz]mm\d+.*\(%r[sb]p|\(%r[sb]p[^)]*\).*[xyz]mm|\b[qdv]\d+\b.*\[(sp|x29)\b")
INSTRUCTION = re.compile(r"^\s*([0-9a-f]+):\s+(.*)$")
JUMP = re.compile(r"^(?:j\w+|b|b\.\w+|cbn?z\s+\w+,|tbn?z\s+\w+, \S+)\s+([0-9a-f]+)\b")
NEVER_GOES_ON = re.compile(r"^(jmp|b|ret|br)\b(?!\.)")


def functions(path):
    """(name, [(address, text)]) of the matrix kernels."""
    text = subprocess.run(
        [sys.argv[1], "--disassemble", "--demangle", "--no-show-raw-insn", path], capture_output=True, text=True, check=True
    ).stdout
    for block in text.split("\n\n"):
        head, _, body = block.strip().partition("\n")
        name = re.match(r"^[0-9a-f]+ <(.*)>:$", head)
        if name and re.search(r"kernels::Gemm(Few)?<", name[1]):
            lines = [match.groups() for match in map(INSTRUCTION.match, body.split("\n")) if match]
            yield name[1], [(int(address, 16), instruction) for address, instruction in lines]


def blocks_of(lines):
    """[(instructions, successors)], a successor being the index of a block: what is left at its end alone, and entered at its begin."""
    targets = {index: int(match[1], 16) for index, (_, text) in enumerate(lines) if (match := JUMP.match(text))}
    at = {address: index for index, (address, _) in enumerate(lines)}
    begins = {0} | {at[t] for t in targets.values() if t in at}
    begins |= {index + 1 for index, (_, text) in enumerate(lines) if (index in targets or NEVER_GOES_ON.match(text)) and index + 1 < len(lines)}
    begins = sorted(begins)
    number = {begin: block for block, begin in enumerate(begins)}
    for begin, end in zip(begins, [*begins[1:], len(lines)]):
        texts = [text for _, text in lines[begin:end]]
        successors = [number[at[targets[end - 1]]]] if targets.get(end - 1) in at else []
        if end < len(lines) and not NEVER_GOES_ON.match(texts[-1]):
            successors.append(number[end])
        yield texts, successors


def innermost_loops(lines):
    """The instructions of each loop: a jump back to a block that every way to the jump comes through, and what lies between them."""
    blocks = list(blocks_of(lines))
    before = [[] for _ in blocks]
    for block, (_, successors) in enumerate(blocks):
        for successor in successors:
            before[successor].append(block)
    everything = (1 << len(blocks)) - 1
    comes_through = [1] + [everything] * (len(blocks) - 1)
    changed = True
    while changed:
        changed = False
        for block in range(1, len(blocks)):
            through = everything
            for earlier in before[block]:
                through &= comes_through[earlier]
            through |= 1 << block
            changed |= through != comes_through[block]
            comes_through[block] = through
    loops = {}
    for block, (_, successors) in enumerate(blocks):
        for head in successors:
            if comes_through[block] >> head & 1:
                loop, todo = loops.setdefault(head, {head}), [block]
                while todo:
                    if (now := todo.pop()) not in loop:
                        loop.add(now)
                        todo += before[now]
    for head, loop in loops.items():
        if not any(other != head and other in loop for other in loops):
            yield [text for block in sorted(loop) for text in blocks[block][0]]


def main():
    loops = faults = 0
    for path in sys.argv[2:]:
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
