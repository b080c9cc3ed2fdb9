"""The parts of a text that programs write."""


def rewrite(file, begin, text, end):
    """Puts the text between two lines of the file that are its marks."""
    before, first, rest = file.read_text().partition(begin)
    _, last, after = rest.partition(end)
    if not first or not last:
        raise SystemExit(f"{file} has no line {begin!r}, or no line {end!r} after it")
    file.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}")
