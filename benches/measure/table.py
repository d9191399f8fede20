"""Figures over rounds, and the table of them."""

from statistics import median


class Figure:
    """What was measured in each round, against what it must reach."""

    def __init__(self, name, must, reached, unit=""):
        self.name, self.must, self.reached, self.unit = name, must, reached, unit
        self.values = []

    def add(self, value):
        self.values.append(value)

    def row(self):
        shown = [f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}" for value in (median(self.values), min(self.values), max(self.values))]
        word = "yes" if self.reached(median(self.values)) else "NO"
        return [self.name, *(f"{value}{self.unit}" for value in shown), self.must, word]

    def json(self):
        return {"figure": self.name, "median": median(self.values), "min": min(self.values), "max": max(self.values),
                "unit": self.unit.strip(), "must": self.must, "reached": self.reached(median(self.values)), "values": self.values}


def at_least(bound):
    return f"≥ {bound}", lambda value: value >= bound


def at_most(bound, unit=""):
    return f"≤ {bound}{unit}", lambda value: value <= bound


def printed(figures):
    rows = [["figure", "median", "min", "max", "must", "reached"], ["---"] * 6, *(figure.row() for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(6)]
    lines = []
    for row in rows:
        cells = [("-" * width if cell == "---" else cell.ljust(width)) for cell, width in zip(row, widths)]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)
