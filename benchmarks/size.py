"""What `pip install fallline` takes on the disk: the package and all it needs, without extras."""

from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

import fallline

MEGABYTE = 1_000_000


def needed(package: str, found: dict[str, metadata.Distribution]) -> None:
    """Add a package and, in turn, what it requires."""
    name = package.lower().replace("_", "-")
    if name in found:
        return
    found[name] = metadata.distribution(package)
    for line in found[name].requires or []:
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            needed(requirement.name, found)


def size_of(distribution: metadata.Distribution) -> float:
    """Megabytes of its files; of Fallline itself, whose checkout has no list of them, its folder's.

    Of the checkout's libraries each wheel holds those of one platform, which are all there are.
    """
    if distribution.metadata["Name"] == "fallline":
        paths = [path for path in Path(fallline.__file__).parent.rglob("*") if path.is_file()]
    else:
        paths = [Path(str(file.locate())) for file in distribution.files or []]
    return sum(path.stat().st_size for path in paths if path.exists()) / MEGABYTE


def main() -> None:
    """Print the sizes as Markdown, the largest first."""
    found: dict[str, metadata.Distribution] = {}
    needed("fallline", found)
    sizes = {name: size_of(distribution) for name, distribution in found.items()}
    print("### Size of `pip install fallline`, installed\n")
    print("| package | MB |\n|---|---|")
    for name, size in sorted(sizes.items(), key=lambda pair: -pair[1]):
        print(f"| {name} | {size:.1f} |")
    print(f"| all | {sum(sizes.values()):.1f} |\n")


if __name__ == "__main__":
    main()
