#!/usr/bin/env python3
"""The laws of the house (docs/tour.md), checked by reading the source. Prints each break as file:line: what."""
import pathlib, re, subprocess, sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
SRC = ROOT / "src"
breaks = []


def tell(path, line, what):
    breaks.append(f"{path.relative_to(ROOT)}:{line}: {what}")


def table(name):
    rows = {}
    for line in (ROOT / "tests/laws" / name).read_text().splitlines():
        if line and not line.startswith("#"):
            key, _, value = line.partition(": ") if ": " in line else (line.rstrip(":"), "", "")
            rows[key] = set(value.split())
    return rows


def includes(path):
    for number, line in enumerate(path.read_text().splitlines(), 1):
        m = re.match(r'\s*#\s*include\s+([<"])([^>"]+)[>"]', line)
        if m:
            yield number, m[1], m[2]


def check_layers(files):
    layers, libraries = table("layers.txt"), table("libraries.txt")
    for path in files:
        folder = path.parent.name
        for number, kind, name in includes(path):
            if kind == '"':
                target = name.split("/")[0]
                if target != folder and target not in layers[folder]:
                    tell(path, number, f"{folder} may not see {target} (tests/laws/layers.txt)")
            else:
                for library, homes in libraries.items():
                    if name.startswith(library) and folder not in homes:
                        tell(path, number, f"<{name}> is named in {', '.join(sorted(homes))} only")


def check_names(files):
    seen = {}
    for path in files:
        if path.name in seen:
            tell(path, 1, f"a basename exists once: see {seen[path.name].relative_to(ROOT)}")
        seen[path.name] = path


# Each of these has a bounded or safer form that the house uses.
BANNED = {"strcpy": "span_cstr", "strcat": "text_add", "sprintf": "snprintf", "gets": "fgets", "strtok": "span_cut",
          "system": "posix_spawn", "popen": "posix_spawn", "atoi": "span_u64", "mktemp": "O_TMPFILE", "alloca": "arena_alloc"}


def check_text(files):
    for path in files:
        lines = path.read_text().splitlines()
        if len(lines) > 900:
            tell(path, len(lines), "a file has at most 900 lines")
        depth_of_function = 0
        for number, line in enumerate(lines, 1):
            if len(line) > 100:
                tell(path, number, "a line has at most 100 columns")
            code = re.sub(r'"(\\.|[^"\\])*"', '""', line.split("//")[0])
            for name, instead in BANNED.items():
                if re.search(rf"(?<![\w.>]){name}\s*\(", code):
                    tell(path, number, f"{name}() is banned: use {instead}")
            if re.match(r"\s*typedef\s+(struct|union)\b", code):
                tell(path, number, "a typedef hides a struct")
            if line.startswith("{"):
                depth_of_function = number
            if line.startswith("}") and depth_of_function:
                if path.suffix == ".c" and number - depth_of_function > 80:
                    tell(path, depth_of_function, f"a function of {number - depth_of_function} lines (at most 80)")
                depth_of_function = 0
            if depth_of_function and re.match(r"\s*#\s*if", line):
                tell(path, number, "#if inside a function")


def check_definitions(files):
    """A public function begins with its file's name, with a struct or enum that the file's header declares, or with
    the name of the header of its folder that declares it."""
    for path in files:
        if path.suffix != ".c" or path.stem == "main":
            continue
        header = path.with_suffix(".h")
        prefixes = [path.stem] + [h.stem for h in path.parent.glob("*.h")] + (re.findall(r"^(?:struct|enum) (\w+)", header.read_text(), re.M) if header.exists() else [])
        lines = path.read_text().splitlines()
        for number, line in enumerate(lines, 1):
            m = re.match(r"^(?!static|typedef|struct \w+ \w+ =|#|return|else)[a-z][\w ]*[ *](\w+)\(", line)
            body = next((x for x in lines[number - 1:number + 8] if x.startswith("{") or x.rstrip().endswith(";")), "")
            if m and body.startswith("{") and not any(m[1] == x or m[1].startswith(x + "_") for x in prefixes):
                tell(path, number, f"{m[1]}() does not begin with {path.stem}_")


def main():
    files = sorted(p for p in SRC.rglob("*") if p.suffix in (".c", ".h"))
    check_layers(files)
    check_names(files)
    check_text(files)
    check_definitions(files)
    print("\n".join(breaks) if breaks else f"{len(files)} files keep the laws")
    return 1 if breaks else 0


sys.exit(main())
