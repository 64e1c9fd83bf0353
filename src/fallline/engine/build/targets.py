"""The processors and systems that the engine is made for."""

from typing import NamedTuple

from fallline.engine.processor import file_name

__all__ = ["TARGETS", "WASM", "Target"]


class Target(NamedTuple):
    """One shared library: a processor level under one operating system."""

    level: str
    system: str  # as sys.platform names it
    triple: str  # LLVM's name of the pair
    cpu: str  # LLVM's name of the oldest processor that runs it
    linker: str  # what ``zig cc -target`` calls the pair
    compiled_for: str  # the level whose registers the kernels are written for
    features: str = ""
    tune: str = ""  # LLVM's name of the processor for which instructions are put in order

    @property
    def name(self) -> str:
        """How the command line names it: linux-aarch64, win32-x86-64-v3, wasm."""
        return self.level if self is WASM else f"{self.system}-{self.level}"

    @property
    def file(self) -> str:
        """The file's name."""
        return "fallline.wasm" if self is WASM else file_name(self.level, self.system)


def x86(system: str, triple: str, linker: str, *levels: str) -> list[Target]:
    """The levels of x86-64 under one system; LLVM names a level's oldest processor as the level."""
    return [
        Target(level, system, triple, level, linker, level, tune=TUNE.get(level, ""))
        for level in levels
    ]


V2, V3, V4 = "x86-64-v2", "x86-64-v3", "x86-64-v4"
# LLVM puts v4 in order for Skylake, in which the truth table takes 4 % longer on a Zen 4; an order
# for newer processors of Intel's makes no difference there
TUNE = {V4: "znver4"}
WASM = Target(
    "wasm", "wasm", "wasm32-unknown-unknown", "generic", "wasm32-freestanding", V2,
    "+simd128,+bulk-memory",
)  # fmt: skip
TARGETS = {
    target.name: target
    for target in [
        *x86("linux", "x86_64-unknown-linux-gnu", "x86_64-linux-gnu", V2, V3, V4),
        Target("aarch64", "linux", "aarch64-unknown-linux-gnu", "generic", "aarch64-linux-gnu", V3),
        # few Macs with x86-64 have the extensions of v4
        *x86("darwin", "x86_64-apple-macosx11.0", "x86_64-macos.11.0", V2, V3),
        Target("aarch64", "darwin", "arm64-apple-macosx11.0", "apple-m1", "aarch64-macos.11.0", V3),
        *x86("win32", "x86_64-pc-windows-gnu", "x86_64-windows-gnu", V2, V3, V4),
        Target("aarch64", "win32", "aarch64-pc-windows-gnu", "generic", "aarch64-windows-gnu", V3),
        WASM,
    ]
}
