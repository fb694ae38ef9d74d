"""Result tables of studies that nobody ran, with numbers that are known."""

from itertools import product

import numpy as np
import polars as pl

from edgescope.lib.sealed_table import sealed_table
from edgescope.study.table_folder import note_of

LAYERS = (0, 3)

BONDS = {"single": 37_050, "double": 12_542, "triple": 4_000}
"""Edges of every type; more triple ones than in the data, so that every rule can decide."""


def name_of(model, data, state, role, seed):
    return f"{model}-{data}-{state}-{role}-{seed}"


def store_tables(tables, folder):
    """Write result tables as a study does, whose cells are all done."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        (folder / f"{name}.parquet").write_bytes(sealed_table(table, note_of(name)))
    return folder


class Planted:
    """Result tables that are put together row by row."""

    def __init__(self):
        self.rows = {}

    def add(self, table, **row):
        self.rows.setdefault(table, []).append(row)

    def cell(
        self,
        seed,
        *,
        model="GraphTransformer",
        data="zinc12k",
        state="trained",
        variant=None,
        design=None,
        use_bias=False,
        **more,
    ):
        """Add a cell, and return its name."""
        role = "biases" if use_bias else variant or design
        cell = name_of(model, data, state, role, seed)
        row = {"cell": cell, "label": model, "model": model, "variant": variant, "data": data}
        row |= {"state": state, "seed": seed, "epochs": 20, "design": design, "metric": "mae"}
        row |= {"use_bias": use_bias}
        row |= {"value": 0.4, "guess": 1.5, "higher_is_better": False, "seconds": 600.0}
        row |= {"threads": 1, "hardware": "a machine", "versions": '{"torch": "2.13"}'}
        self.add("cells", **row | more)
        return cell

    def sites(self, cell, ratio, *, untrained=100.0, growth=50.0):
        """Add the largest ratio of a cell, at the last layer, and half of it before."""
        for layer in LAYERS:
            part = 1.0 if layer == LAYERS[-1] else 0.5
            self.add(
                "sites",
                cell=cell,
                site=f"layers.{layer}.attention:score",
                layer=layer,
                max_ratio=ratio * part,
                untrained_max_ratio=untrained * part,
                growth=growth * part,
            )

    def thresholds(self, cell, share, *, calibrated=1000.0):
        """Add the share of massive edges of a cell, the same at every layer."""
        for layer in LAYERS:
            for rule, threshold in (("ratio", 1000.0), ("calibrated", calibrated)):
                self.add(
                    "thresholds",
                    cell=cell,
                    site=f"layers.{layer}.attention:score",
                    layer=layer,
                    rule=rule,
                    threshold=threshold,
                    edges=10_000,
                    massive=round(share * 10_000),
                    share=share,
                    low=share * 0.9,
                    high=share * 1.1,
                    untrained_share=0.0 if rule == "ratio" else 1e-4,
                )

    def types(self, cell, massive, *, layers=LAYERS, expected=0.05, threshold=1000.0):
        """Add how many bonds of every type are massive; the same share is expected of all."""
        for layer in layers:
            for bond, edges in BONDS.items():
                self.add(
                    "type_tests",
                    cell=cell,
                    site=f"layers.{layer}.attention:score",
                    layer=layer,
                    rule="ratio",
                    threshold=threshold,
                    edge_type=bond,
                    edges=edges,
                    massive=massive[bond],
                    expected=expected,
                )

    def added(self, cell, share, *, massive=1000, part=0.48, threshold=1000.0, rule="ratio"):
        """Add the share of massive edges that are added, where a part of all edges is."""
        self.add(
            "added",
            cell=cell,
            site="layers.0.attention:score",
            layer=0,
            rule=rule,
            threshold=threshold,
            edges=100_000,
            added=round(part * 100_000),
            massive=massive,
            massive_added=round(share * massive),
            low=share - part - 0.02,
            high=share - part + 0.02,
        )

    def attack(self, cell, worse, *, clean=0.4, random=0.0):
        for kind, by in (("ascent", worse), ("random", random)):
            for noise in (0.0, 0.1, 0.2):
                for restart in range(2):
                    self.add(
                        "attack",
                        cell=cell,
                        noise=noise,
                        restart=restart,
                        kind=kind,
                        metric_clean=clean,
                        metric_noisy=clean + (by - 0.01 * restart if noise else 0.0),
                    )

    def laws(self, cell, untrained, trained):
        for layer, (state, ks) in product(LAYERS, (("untrained", untrained), ("trained", trained))):
            self.add(
                "laws",
                cell=cell,
                site=f"layers.{layer}.attention:score",
                layer=layer,
                state=state,
                shape=20.0,
                loc=-3.0,
                scale=0.2,
                ks=ks,
            )

    def attribution(self, cell, massive, *, random=0.5, occlusion=0.9):
        values = {"massive": massive, "random": random, "occlusion": occlusion}
        for method, value in values.items():
            self.add("attribution", cell=cell, method=method, measure="AUROC", value=value)

    def rankings(self, cell, seed, shared, *, graphs=20, bonds=15):
        """Add places of bonds by massive activations, of which a part is shared by all seeds."""
        own = np.random.default_rng(seed)
        for method, part in (("massive", shared), ("occlusion", 0.8)):
            same = np.random.default_rng(7)
            for graph in range(graphs):
                scores = part * same.normal(size=bonds) + (1 - part) * own.normal(size=bonds)
                for bond, place in enumerate(scores.argsort().argsort().tolist()):
                    row = {"method": method, "graph": graph, "bond": bond, "place": place}
                    self.add("rankings", cell=cell, **row)

    def curvature(self, cell, at_the_ends, *, massive=1000):
        """Add a share of the massive edges in the outermost of ten equal bins of curvature."""
        for bin_ in range(10):
            share = at_the_ends / 2 if bin_ in {0, 9} else (1 - at_the_ends) / 8
            self.add(
                "curvature",
                cell=cell,
                site="layers.0.attention:score",
                layer=0,
                quantity="Forman",
                bin=bin_,
                edges=1000,
                massive=round(share * massive),
            )

    def pictures(self, cell):
        """Add what the published figures are drawn from."""
        for layer in LAYERS:
            who = {"cell": cell, "site": f"layers.{layer}.attention:score", "layer": layer}
            for state, top in (("untrained", 2.0), ("trained", 3.5)):
                for step in range(51):
                    self.add(
                        "maxima",
                        **who,
                        state=state,
                        quantile=step / 50,
                        ratio=10 ** (1 + (top - 1) * step / 50),
                    )
                for bar in range(-10, 20):
                    if bar * 0.25 > -top:
                        self.add(
                            "histogram",
                            **who,
                            state=state,
                            log_ratio=bar * 0.25,
                            count=1000 - bar**2,
                        )
            for bond, edges in BONDS.items():
                for head in range(2):
                    for channel in range(3):
                        self.add(
                            "heat",
                            **who,
                            threshold=1000.0,
                            edge_type=bond,
                            head=head,
                            channel=channel,
                            edges=edges,
                            massive=10 * head * channel,
                        )

    def tables(self):
        return {
            name: pl.DataFrame(rows, infer_schema_length=None) for name, rows in self.rows.items()
        }


def a_study(seeds=5, *, spread=0.1, pictures=True):
    """Return the tables of a whole study, with what every claim needs, and some noise."""
    of = Planted()
    for seed in range(41, 41 + seeds):
        shift = spread * ((seed * 7) % 5 - 2) / 2
        for model in ("GraphTransformer", "SAN", "GraphiT"):
            cell = of.cell(seed, model=model)
            of.sites(cell, 3000 * 10**shift, growth=10 ** (2 + shift))
            of.thresholds(cell, 0.1 * (1 + shift), calibrated=400 * 10**shift)
            of.laws(cell, 0.02 + 0.01 * shift, 0.2 + 0.1 * shift)
            triple = round(20 * (1 + shift))
            of.types(cell, {"single": 2500, "double": 1000, "triple": triple})
            of.attribution(cell, 0.6 + 0.05 * shift)
            of.curvature(cell, 0.2 + 0.05 * shift)
            of.attack(cell, 0.3 + 0.1 * shift)
            if pictures:
                of.pictures(cell)
            for bias in ("released", "described"):
                cell = of.cell(seed, model=model, state=f"ebt-{bias}", variant=f"bias {bias}")
                of.sites(cell, 200 * 10**shift, growth=10 ** (0.5 + shift / 2))
                of.attack(cell, 0.25 + 0.1 * shift)
        for variant in ("no edge features", "full graph", "both", "mean attention"):
            of.sites(of.cell(seed, variant=variant), 100 * 10**shift)
        for design, share in (
            ("virtual_node two", 0.2 + 0.6 * (seed % 2)),
            ("virtual_node", 0.9 + 0.05 * shift),
            ("random_edges", 0.1 + 0.05 * shift),
            ("hub", 0.5 + shift),
        ):
            cell = of.cell(seed, data=f"zinc12k {design}", design=design)
            for threshold, massive in ((300.0, 9000), (1000.0, 1000), (3000.0, 0)):
                of.added(cell, share, massive=massive, threshold=threshold)
            of.added(cell, share, threshold=500.0, rule="calibrated")
            for group, change in (("added", 0.3), ("own", 0.1)):
                of.add("importance", cell=cell, group=group, change=change)
        of.add(
            "node_sites",
            data="chameleon",
            seed=seed,
            kind="state",
            site="convs.0:state",
            layer=0,
            max_ratio=50.0 * 10**shift,
            untrained_max_ratio=40.0,
            growth=3.0,
        )
        for variant, value in (("flagged", 0.60), ("cured", 0.604), ("unflagged", 0.61)):
            of.add(
                "cured",
                data="chameleon",
                seed=seed,
                variant=variant,
                findings=3,
                metric="accuracy",
                value=value + 0.002 * shift * (variant == "cured"),
                guess=0.2,
            )
    return of.tables()
