"""A model as C99: a .c and a .h file that need only math.h, allocate nothing, and take raw rows."""

import re
import string
from itertools import groupby
from pathlib import Path

import numpy as np

from fallline.arrays import Array
from fallline.errors import ParameterError
from fallline.exporting.c_parts import (
    ACTIVATIONS,
    BANDED,
    CLIPPED,
    DENSE,
    FIND,
    HEAD,
    INTERVAL,
    INTERVAL_HEAD,
    LABEL,
    LOOP,
    PROVER,
    RAMP,
    SET,
    SET_HEAD,
    SOFTMAX,
    TOP,
)
from fallline.exporting.description import (
    Absent,
    Clipped,
    Column,
    Dense,
    Description,
    Equal,
    Feature,
    Interval,
    Naming,
    OneOf,
    Ramp,
    Scaled,
    Sign,
    Wave,
)
from fallline.exporting.rows import Cell, Rows
from fallline.exporting.running import Found, NoRunnerError, RunError, printed, program

__all__ = ["STRICT", "run", "write"]

STRICT = ("-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic")
PLAIN_FILE = re.compile(r"[A-Za-z0-9_.+-]+")
PLAIN_FIELD = re.compile(r"[a-z][A-Za-z0-9_]*|[A-Z][A-Za-z0-9_]*[a-z][A-Za-z0-9_]*")
SAFE = (string.ascii_letters + string.digits + " _.,:;()+-").encode()
LONGEST_LITERAL = 4_000  # bytes; C99 lets a compiler stop at 4,095
KEYWORDS = """
auto break case char const continue default do double else enum extern float for goto if inline
int long register restrict return short signed sizeof static struct switch typedef union
unsigned void volatile while alignas alignof and and_eq asm atomic_cancel bitand bitor bool
catch char16_t char32_t char8_t class co_await co_return co_yield compl concept consteval
constexpr constinit const_cast decltype delete dynamic_cast explicit export false friend mutable
namespace new noexcept not not_eq nullptr operator or or_eq private protected public
reinterpret_cast requires static_assert static_cast template this thread_local throw true try
typeid typename using virtual wchar_t xor xor_eq linux unix i386 typeof nan inf complex
imaginary real errno stdin stdout stderr assert near far small huge interface
"""  # of C and C++, and macros of compilers
RESERVED = frozenset(KEYWORDS.split())


def write(model: Description, naming: Naming) -> dict[str, bytes]:
    """The .c and the .h. Raises ParameterError for a name that cannot stand in an #include."""
    stem = naming.stem
    if not PLAIN_FILE.fullmatch(stem):
        raise ParameterError(
            f"{stem}.c: a C file's name must be made of letters, digits and _ . + -, since its "
            "text includes the header by name"
        )
    model.require(ACTIVATIONS, "C")
    p = prefix(stem)
    return {".c": source(model, stem, p).encode("ascii"), ".h": header(model, p).encode("ascii")}


def prefix(stem: str) -> str:
    """The prefix of all names: the file's name, as far as C allows."""
    name = re.sub(r"\W", "_", stem, flags=re.ASCII)
    return name if name[0].isalpha() else f"model_{name}".replace("__", "_")


# ---- the header


def header(model: Description, p: str) -> str:
    output, n = model.output, model.n_results
    out = f"out has {n} numbers." if n > 1 else "out is the number."
    labels = ""
    if output.has_classes:
        out = f"out is the probability of each of {p}_labels; {p}_label(out) is the likeliest."
        labels = (
            f"extern const char *const {p}_labels[{n}]; /* in UTF-8 */\n"
            f"int {p}_label(const double *out);\n"
        )
    elif output.task == "labels":
        out = "out is the probability of each output."
    return HEAD.format(
        p=p,
        P=p.upper(),
        n=n,
        out=out,
        columns=len(model.columns),
        fields=row_fields(model),
        labels=labels,
        sure=sure_head(model, p),
    )


def sure_head(model: Description, p: str) -> str:
    """What else can be called where the model has intervals or sets."""
    output = model.output
    if output.interval is not None:
        return INTERVAL_HEAD.format(p=p, level=f"{output.interval.level:g}")
    if output.sets is not None:
        return SET_HEAD.format(p=p, level=f"{output.sets.level:g}", n=model.n_results)
    return ""


def row_fields(model: Description) -> str:
    if model.is_plain:
        return f"    double x[{len(model.columns)}];"
    types = {
        "number": ("double ", "a number"),
        "date": ("double ", "a date, in days"),
        "text": ("const char *", "a text"),
    }
    return "\n".join(
        f"    {types[column.kind][0]}{name}; /* {comment(column.name)}: {types[column.kind][1]} */"
        for name, column in zip(field_names(model.columns), model.columns, strict=True)
    )


def field_names(columns: tuple[Column, ...]) -> list[str]:
    """The columns' names if C allows them for a field, else numbers."""
    names: list[str] = []
    for number, column in enumerate(columns, start=1):
        good = PLAIN_FIELD.fullmatch(column.name) and column.name not in RESERVED
        name = column.name[:60]
        if not good or name != column.name or name in names or re.match(r"column\d", name):
            name = f"column{number}_" + re.sub(r"\W", "_", name, flags=re.ASCII)
        names.append(name)
    return names


def comment(text: str) -> str:
    """A name in a form that is safe in a comment."""
    return re.sub(r"[^A-Za-z0-9 .,:%()=+-]", "_", text[:60])


def literal(text: str) -> str:
    """A C string in ASCII: all but letters, digits, blanks and plain marks as octal escapes."""
    raw = text.encode("utf-8", "surrogatepass")
    shown = "".join(chr(byte) if byte in SAFE else f"\\{byte:03o}" for byte in raw)
    return f'"{shown}"'


def texts(names: tuple[str, ...], array: str, *, shared: bool = False) -> str:
    """An array of strings; one that holds a NUL, as no C string does, is 0."""
    before, entries = "", []
    for i, name in enumerate(names):
        raw = name.encode("utf-8", "surrogatepass")
        if len(raw) > LONGEST_LITERAL:
            codes = ", ".join(str(byte if byte < 128 else byte - 256) for byte in (*raw, 0))
            before += f"static const char {array}_{i}[] = {{{codes}}};\n"
            entries.append(f"{array}_{i}")
        else:
            entries.append("0" if "\0" in name and not shared else literal(name))
    listed = "".join(f"    {entry},\n" for entry in entries) or "    0,\n"
    static = "" if shared else "static "
    return f"{before}{static}const char *const {array}[] = {{\n{listed}}};\n"


# ---- the source


def source(model: Description, stem: str, p: str) -> str:
    weight = "float" if model.dtype == np.float32 else "double"
    tables, body = encoding(model, p)
    layers, calls, banded = network(model)
    features = [feature for column in model.columns for feature in column.features]
    kinds = {type(feature) for feature in features}
    marks = next((column.missing for column in model.columns if column.kind == "text"), ())
    bands = {"dense": DENSE, "banded": BANDED}
    names = dict.fromkeys(layer.activation for layer in model.layers)
    parts = [
        TOP.format(file=stem, P=p.upper(), weight=weight),
        texts(tuple(column.name for column in model.columns), f"{p}_columns", shared=True),
        texts(tuple(map(str, model.output.labels)), f"{p}_labels", shared=True)
        if model.output.has_classes
        else "",
        *tables,
        *layers,
        CLIPPED if Clipped in kinds else "",
        RAMP if Ramp in kinds else "",
        FIND.format(marks=", ".join(literal(mark) for mark in marks)) if marks else "",
        *(bands[name] for name in sorted(banded)),
        *(activation(name) for name in names),
        body,
        *interval_tables(model.output.interval),
        predict(model, p, calls),
        LABEL.format(p=p, n=model.n_results, above=">=" if model.output.half_is_yes else ">")
        if model.output.has_classes
        else "",
        set_function(model, p),
    ]
    return "\n".join(part for part in parts if part)


def set_function(model: Description, p: str) -> str:
    sets = model.output.sets
    if sets is None:
        return ""
    quantiles = ", ".join(map(number, sets.quantiles))
    return SET.format(p=p, n=model.n_results, quantiles=quantiles)


def activation(name: str) -> str:
    if name == "softmax":
        return SOFTMAX
    return LOOP.format(name=name, body=ACTIVATIONS[name]) if ACTIVATIONS[name] else ""


def number(value: float) -> str:
    return repr(float(value))


def encoding(model: Description, p: str) -> tuple[list[str], str]:
    """The tables of the features, and the function that fills them in."""
    n = len(model.columns)
    if model.is_plain:
        lines = [
            f"    for (i = 0; i < {n}; i++) {{",
            "        if (!isfinite(row->x[i]))",
            "            return i + 1;",
            "        x[i] = (real)row->x[i];",
            "    }",
        ]
        return [], encode_function(lines, ["int i;"], p)
    tables: list[str] = []
    lines = []
    for i, (name, column) in enumerate(zip(field_names(model.columns), model.columns, strict=True)):
        lines.append(f"    /* {comment(column.name)} */")
        lines += (text_lines if column.kind == "text" else number_lines)(i, name, column, tables)
        if column.directions:
            lines += direction_lines(i, model.columns[i - 1], column, tables)
    used = "\n".join(lines)
    declared = [
        *(["int i;"] if "i = 0" in used else []),
        *(["int code;"] if "code = " in used else []),
        *(["int known;"] if "known = " in used else []),
        *(["double v;"] if "v = " in used else []),
        *(["double before, last;"] if "before = " in used else []),
    ]
    return tables, encode_function(lines, declared, p)


def encode_function(lines: list[str], declared: list[str], p: str) -> str:
    """The features of a row, in order; 0, or the number of the column that cannot be used."""
    head = [f"static int encode(const struct {p}_row *row, real *x)", "{"]
    return "\n".join([*head, *(f"    {d}" for d in declared), *lines, "    return 0;", "}"]) + "\n"


def number_lines(i: int, name: str, column: Column, tables: list[str]) -> list[str]:
    lines = ["    before = v;"] if column.directions else []
    lines.append(f"    v = row->{name};")
    if column.kind == "date":
        lines.append("    v = floor(v * 86400000.0 + 0.5) * 0.001; /* seconds */")
    for gap in column.missing_numbers:
        lines += [f"    if (v == {number(gap)})", "        v = NAN;"]
    wrong = "!isfinite(v)" if column.needed else "isinf(v)"
    lines += [f"    if ({wrong})", f"        return {i + 1};"]
    if column.features:
        lines.append("    known = !isnan(v);")
    for kind, group in groupby(column.features, type):
        lines += feature_lines(i, str(i), kind, list(group), tables)
    return lines


def direction_lines(i: int, before: Column, column: Column, tables: list[str]) -> list[str]:
    """The features of two numbers: v, and the one of the column before."""
    lines = [
        f"    before = {scaled('before', before)};",
        f"    last = {scaled('v', column)};",
        "    known = !isnan(before) && !isnan(last);",
    ]
    for k, direction in enumerate(column.directions):
        a, b = map(number, direction.weights)
        lines.append(f"    v = {a} * before + {b} * last;")
        for kind, group in groupby(direction.features, type):
            lines += feature_lines(i, f"{i}_{k}", kind, list(group), tables)
    return lines


def scaled(v: str, column: Column) -> str:
    """A number as the first feature scales it."""
    first = column.scaling
    return f"scaled({v}, {number(first.shift)}, {number(first.scale)})"


def feature_lines(
    i: int, label: str, kind: type, features: list[Feature], tables: list[str]
) -> list[str]:
    """Neighbours of one kind: each by itself, or in a loop over a table, named by the ``label``."""
    n = len(features)
    if kind is Ramp:
        rows = ",\n".join(
            f"    {{{number(f.low)}, {number(f.high)}, {number(f.center)}}}"
            for f in features
            if isinstance(f, Ramp)
        )
        tables.append(f"static const double ramps{label}[{n}][3] = {{\n{rows},\n}};\n")
        return loop(n, f"known ? (real)ramp(v, ramps{label}[i]) : 0")
    if kind is Equal:
        rows = ", ".join(number(f.value) for f in features if isinstance(f, Equal))
        tables.append(f"static const double values{label}[{n}] = {{{rows}}};\n")
        return loop(n, f"known && v == values{label}[i]")
    lines = []
    for f in features:
        if isinstance(f, Scaled):
            lines += [
                f"    if (isinf((v - {number(f.shift)}) / {number(f.scale)}))",
                f"        return {i + 1};",
                f"    *x++ = known ? (real)((v - {number(f.shift)}) / {number(f.scale)}) : 0;",
            ]
        elif isinstance(f, Clipped):
            terms = f"{number(f.shift)}, {number(f.scale)}"
            lines.append(f"    *x++ = known ? (real)clipped(v, {terms}) : 0;")
        elif isinstance(f, Wave):
            lines.append(f"    *x++ = known ? (real){f.function}(v * {number(f.turn)}) : 0;")
        elif isinstance(f, Absent):
            lines.append("    *x++ = !known;")
    return lines


def loop(n: int, value: str) -> list[str]:
    return [f"    for (i = 0; i < {n}; i++)", f"        *x++ = {value};"]


def text_lines(i: int, name: str, column: Column, tables: list[str]) -> list[str]:
    tables.append(texts(column.categories, f"names{i}"))
    n = len(column.categories)
    lines = [f"    code = find(row->{name}, names{i}, {n}, {int(column.by_letter)});"]
    plain = 0
    while plain < len(column.features) and column.features[plain] == OneOf((plain,)):
        plain += 1
    if plain:
        lines += loop(plain, "code == i")
    for f in column.features[plain:]:
        if isinstance(f, Sign):
            lines.append("    *x++ = (real)((code == 1) - (code == 0));")
        elif isinstance(f, OneOf):
            lines.append(f"    *x++ = {' || '.join(f'code == {code}' for code in f.codes)};")
    return lines


# ---- the network


def network(model: Description) -> tuple[list[str], list[str], set[str]]:
    """The tables of weights, the calls for the layers, and the functions that they need."""
    tables, calls, used = [], [], set()
    buffers = ("x", "y")
    for l, layer in enumerate(model.layers):
        a, z = buffers[l % 2], buffers[(l + 1) % 2]
        n_in, n_out = layer.W.shape
        first, count = bands(layer)
        if int(count.sum()) < n_in * n_out // 2:
            used.add("banded")
            ends = zip(first, first + count, strict=True)
            rows = [layer.W[start:end, j] for j, (start, end) in enumerate(ends)]
            packed = np.concatenate([*rows, np.zeros(1, model.dtype)])
            tables += [
                array("int", f"first{l}", [str(i) for i in first]),
                array("int", f"count{l}", [str(i) for i in count]),
                array("weight", f"W{l}", weights(packed)),
            ]
            calls.append(f"    banded({a}, first{l}, count{l}, W{l}, b{l}, {n_out}, {z});")
        else:
            used.add("dense")
            tables.append(array("weight", f"W{l}", weights(layer.W.T.ravel())))
            calls.append(f"    dense({a}, {n_in}, W{l}, b{l}, {n_out}, {z});")
        tables.append(array("weight", f"b{l}", weights(layer.b)))
        if layer.activation != "identity":
            calls.append(f"    to_{layer.activation}({z}, {n_out});")
    return tables, calls, used


def bands(layer: Dense) -> tuple[Array, Array]:
    """The first input that each unit takes, and how many from there to the last one, (n_out,)."""
    used = layer.W != 0.0
    some = used.any(axis=0)
    first = np.where(some, used.argmax(axis=0), 0)
    last = len(used) - used[::-1].argmax(axis=0)
    return first, np.where(some, last - first, 0)


def weights(values: Array) -> list[str]:
    """The shortest texts that represent the same floats."""
    ending = "f" if values.dtype == np.float32 else ""
    return [f"{value}{ending}" for value in values.astype(str).tolist()]


def array(kind: str, name: str, values: list[str]) -> str:
    lines = [", ".join(values[i : i + 8]) for i in range(0, len(values), 8)]
    listed = ",\n    ".join(lines)
    return f"static const {kind} {name}[] = {{\n    {listed},\n}};\n"


def predict(model: Description, p: str, calls: list[str]) -> str:
    sizes = [len(model.layers[0].W), *(len(layer.b) for layer in model.layers)]
    last = "xy"[len(model.layers) % 2]
    output = model.output
    if output.task == "binary":
        ends = [f"    out[1] = {last}[0];", "    out[0] = 1.0 - out[1];"]
    else:
        value = f"{last}[i]"
        if output.task == "numbers" and (output.scale, output.mean) != (1.0, 0.0):
            value = f"{value} * {number(output.scale)} + {number(output.mean)}"
        ends = [f"    for (i = 0; i < {sizes[-1]}; i++) {{", f"        out[i] = {value};"]
        if output.ends is not None:
            for sign, end in zip("<>", output.ends, strict=True):
                held = f"            out[i] = {number(end)};"
                ends += [f"        if (out[i] {sign} {number(end)})", held]
        ends.append("    }")
    name, interval = f"int {p}_predict(const struct {p}_row *row, double *out)", output.interval
    if interval is not None:
        name = f"static int compute(const struct {p}_row *row, double *out, double *ends)"
    return "\n".join(
        [
            name,
            "{",
            f"    real x[{max(sizes[::2])}], y[{max(sizes[1::2])}];",
            *([] if interval is None else [f"    double f, s = {number(interval.bias)};"]),
            f"    int {'' if output.task == 'binary' else 'i, '}wrong = encode(row, x);",
            "    if (wrong)",
            "        return wrong;",
            *inputs_to_sigma(interval),
            *calls,
            *ends,
            *([] if interval is None else interval_lines(interval, model, f"{last}[0]")),
            "    return 0;",
            "}",
            "" if interval is None else f"\n{INTERVAL.format(p=p)}",
        ]
    )


# ---- the interval: s is log sigma, then half its width


def interval_tables(interval: Interval | None) -> list[str]:
    if interval is None:
        return []
    return [
        array("double", f"sigma_{name}", [number(value) for value in values])
        for name, values in (("weights", interval.weights), ("knots", interval.knots))
        if values
    ] + [array("double", "sigma_hinges", [number(value) for value in interval.hinges])]


def inputs_to_sigma(interval: Interval | None) -> list[str]:
    if interval is None or not interval.weights:
        return []
    return [
        f"    for (i = 0; i < {len(interval.weights)}; i++)",
        "        s += sigma_weights[i] * x[i];",
    ]


def interval_lines(interval: Interval, model: Description, f: str) -> list[str]:
    def held(name: str, ends: tuple[float, float]) -> list[str]:
        return [
            line
            for sign, end in zip("<>", ends, strict=True)
            for line in (
                f"        if ({name} {sign} {number(end)})",
                f"            {name} = {number(end)};",
            )
        ]

    n = len(interval.knots)
    hinges = [
        f"        for (i = 0; i < {n}; i++)",
        "            if (f > sigma_knots[i])",
        "                s += sigma_hinges[i + 1] * (f - sigma_knots[i]);",
    ]
    scale, mean = number(model.output.scale), number(model.output.mean)
    lines = [
        "    if (ends) {",
        f"        f = {f};",
        *(held("f", interval.ends) if interval.ends is not None else []),
        "        s += sigma_hinges[0] * f;",
        *(hinges if n else []),
        *held("s", (interval.low, interval.high)),
        f"        s = {number(interval.quantile)} * exp(s);",
        f"        ends[0] = (f - s) * {scale} + {mean};",
        f"        ends[1] = (f + s) * {scale} + {mean};",
    ]
    if interval.lowest is not None:
        low = number(interval.lowest)
        lines += [f"        if (ends[0] < {low})", f"            ends[0] = {low};"]
    return [*lines, "    }"]


# ---- running it


def run(folder: Path, naming: Naming, model: Description, rows: Rows) -> Found:
    """What the compiled source predicts."""
    compiler = working_compiler(folder)
    stem, p = naming.stem, prefix(naming.stem)
    if model.is_plain:
        fill = (
            f"        for (k = 0; k < {len(model.columns)}; k++)\n            row.x[k] = number();"
        )
    else:
        fill = "\n".join(
            f"        row.{name} = {f'text(cells[{i}])' if column.kind == 'text' else 'number()'};"
            for i, (name, column) in enumerate(
                zip(field_names(model.columns), model.columns, strict=True)
            )
        )
    given_texts = [cell for row in rows.cells for cell in row if isinstance(cell, str)]
    longest = 16 + max((len(text.encode()) for text in given_texts), default=0)
    text = PROVER.format(
        stem=stem,
        p=p,
        columns=len(model.columns),
        longest=longest,
        n=model.n_results,
        rows=len(rows),
        fill=fill,
        label=shown_label(model, p),
    )
    (folder / "prove.c").write_text(text, encoding="ascii")
    printed([compiler, *STRICT, "-O1", "-c", f"{stem}.c", "-o", "model.o"], folder)
    printed([compiler, "-std=c99", "prove.c", "model.o", "-lm", "-o", "prove"], folder)
    given = " ".join(
        shown(column, cell)
        for row in rows.cells
        for column, cell in zip(rows.columns, row, strict=True)
    )
    found = np.array(printed([str(folder / "prove")], folder, given).split(), dtype=float)
    found, n, output = found.reshape(len(rows), -1), model.n_results, model.output
    if not output.has_classes:
        return Found(found[:, :n], ends=None if output.interval is None else found[:, n:])
    labels = [output.labels[int(k)] for k in found[:, n]]
    members = None if output.sets is None else found[:, n + 1 :] == 1.0
    return Found(found[:, :n], labels, members=members)


def shown_label(model: Description, p: str) -> str:
    """What prints, after the numbers, the label, and the interval or the set."""
    output, n = model.output, model.n_results
    lines = [f'printf("%d ", {p}_label(out));'] if output.has_classes else []
    if output.interval is not None:
        lines.append(
            f"{{ double ends[2]; if ({p}_interval(&row, ends)) return 1; "
            'printf("%.17g %.17g ", ends[0], ends[1]); }'
        )
    if output.sets is not None:
        lines.append(
            f"{{ int set[{n}]; if ({p}_set(out, set) < 1) return 1; "
            f'for (k = 0; k < {n}; k++) printf("%d ", set[k]); }}'
        )
    return " ".join(lines)


def working_compiler(folder: Path) -> str:
    """A C compiler for programs on this machine. Raises NoRunnerError."""
    compiler = program(("cc", "gcc", "clang"), "C compiler")
    (folder / "empty.c").write_text("int main(void) { return 0; }\n", encoding="ascii")
    try:
        printed([compiler, "-std=c99", "empty.c", "-lm", "-o", "empty"], folder)
    except RunError as reason:
        raise NoRunnerError(f"the C compiler does not work ({reason})") from None
    return compiler


def shown(column: Column, cell: Cell) -> str:
    """A cell as the prover reads it: a number, or a text after its length, which is -1 for none."""
    if isinstance(cell, str):
        return f"{len(cell.encode())} {cell}"
    if cell is None:
        return "-1" if column.kind == "text" else "nan"
    return repr(cell)
