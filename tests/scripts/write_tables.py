"""Write the tables that `tests/cli/test_tables.py` expects, after a change to be looked at."""

from support.printed_tables import FOLDER, TABLES, all_widths

if __name__ == "__main__":
    for name in TABLES:
        (FOLDER / f"{name}.txt").write_text(all_widths(name), encoding="utf-8")
