"""Attributes of products and tracks that a title may name, read off its words: the judge of compliance.

Ours. The thesis asks a language model (DeepSeek-chat/V3) whether a generated text complies; no such judge is at hand,
and a judge whose own errors are not known judges little. These are words, and `LABELLED` says how often they err.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class Attribute:
    """One attribute.

    Attributes:
        words: beginnings of words that name it.
        unless: beginnings of words or phrases beside which these do not count.
        wanted: whether texts are asked to have it, or not to.
    """

    words: tuple[str, ...]
    unless: tuple[str, ...] = ()
    wanted: bool = True

    @cached_property
    def pattern(self) -> re.Pattern:
        """Find one of the words."""
        return beginnings(self.words)

    @cached_property
    def exceptions(self) -> re.Pattern | None:
        """Find what takes a word's meaning away."""
        return beginnings(self.unless) if self.unless else None

    def named_in(self, text: str) -> bool:
        """Say whether a text names the attribute."""
        left = self.exceptions.sub(" ", text.lower()) if self.exceptions else text.lower()
        return bool(self.pattern.search(left))


def beginnings(words: tuple[str, ...]) -> re.Pattern:
    """Find words by how they begin."""
    return re.compile(r"\b(?:" + "|".join(map(re.escape, words)) + ")")


ATTRIBUTES = {
    "recyclable": Attribute(
        words=(
            *("recycl", "compost", "biodegrad", "kraft", "cardboard", "corrugated", "paper ", "paper,"),
            *("steel", "stainless", "aluminum", "aluminium", "brass", "copper", "glass", "cast iron"),
        ),
        unless=("glasses", "fiberglass", "fibreglass", "sandpaper", "glass cleaner", "safety glass",
                "copper sulfate", "steel wool", "non-recycl", "not recycl"),
    ),
    "restricted": Attribute(
        words=(
            *("prescription", "rx only", "licence", "license", "permit", "adults only", "18+", "21+"),
            *("hazard", "flammable", "corrosive", "sulfuric", "hydrochloric", "muriatic", "acetone"),
            *("isopropyl", "ethanol", "methanol", "syringe", "needle", "scalpel", "lancet", "poison"),
            *("pesticide", "butane", "propane", "hydrogen peroxide"),
        ),
        unless=("needle nose", "needle-nose", "needle valve", "needle bearing", "needle felt",
                "needle file", "permitt", "license plate", "hazard label", "hazard sign",
                "hazard tape", "acetone free", "license frame"),
        wanted=False,
    ),
    "pop": Attribute(words=("pop",), unless=("popul", "popcorn", "poppy", "pope", "popp")),
    "country": Attribute(words=("country", "nashville", "honky", "bluegrass"), unless=("cross country",)),
}  # fmt: skip

# Lines labelled by hand (ours) from their words alone, after the rules were written: which attributes a reader sees.
LABELLED: tuple[tuple[str, frozenset[str]], ...] = tuple(
    (text, frozenset(names.split()))
    for text, names in (
        ("Stainless Steel Hex Bolts 1/4-20, Pack of 50", "recyclable"),
        ("Kraft Paper Bubble Mailers 10.5 x 16", "recyclable"),
        ("Corrugated Shipping Boxes 12x9x4, 25 count", "recyclable"),
        ("Borosilicate Glass Beaker Set, 5 sizes", "recyclable"),
        ("Aluminum Foil Tape 2 inch x 50 yards", "recyclable"),
        ("Compostable Food Prep Gloves, Large", "recyclable"),
        ("Copper Pipe Fitting Elbow 1/2 inch", "recyclable"),
        ("Brass Barb Hose Connector", "recyclable"),
        ("Biodegradable Trash Bags 13 gallon", "recyclable"),
        ("Recycled Plastic Storage Bin", "recyclable"),
        ("Cardboard Tubes for Mailing, 12 pack", "recyclable"),
        ("Tin Cans with Lids, 4 oz, 24 pack", "recyclable"),
        ("PET Plastic Bottles, Clear, 8 oz", "recyclable"),
        ("Newsprint Packing Sheets, 10 lb", "recyclable"),
        ("Polarized Sun Glasses for Construction", ""),
        ("Fiberglass Reinforced Drain Rod", ""),
        ("Sandpaper Assortment 120 to 3000 Grit", ""),
        ("Windex Glass Cleaner Refill", ""),
        ("Nitrile Exam Gloves Powder Free Medium", ""),
        ("PLA 3D Printer Filament 1.75 mm Black", ""),
        ("Neodymium Magnets 10 x 2 mm", ""),
        ("Vinyl Electrical Tape Black", ""),
        ("Steel Wool Pads Grade 0000", "recyclable"),
        ("LED Work Light Rechargeable", ""),
        ("Foam Earplugs NRR 33 dB, 200 pairs", ""),
        ("Copper Sulfate Pentahydrate Crystals 5 lb", "restricted"),
        ("99.9% Isopropyl Alcohol, 1 Gallon", "restricted"),
        ("Hydrochloric Acid 37%, Reagent Grade", "restricted"),
        ("Sterile Syringe with Luer Lock 10 ml", "restricted"),
        ("Blunt Tip Dispensing Needle 18 gauge", "restricted"),
        ("Surgical Scalpel Blades No. 11, box of 100", "restricted"),
        ("Acetone ACS Grade 500 ml", "restricted"),
        ("Butane Fuel Refill Canister", "restricted"),
        ("Prescription Strength Numbing Cream", "restricted"),
        ("Sodium Hydroxide Lye Micro Beads 2 lb", "restricted"),
        ("Nitric Acid 70% Solution", "restricted"),
        ("Needle Nose Pliers 6 inch", ""),
        ("License Plate Screws, Stainless", "recyclable"),
        ("Hazard Label GHS Corrosive, Roll of 500", ""),
        ("Needle Valve Brass 1/4 NPT", "recyclable"),
        ("Insulin Storage Travel Case", ""),
        ("Stainless Steel Syringe 50 ml", "recyclable restricted"),
        ("Glass Ampoule of Sulfuric Acid", "recyclable restricted"),
        ("Permit Holder Hanging Tag", ""),
        ("Digital Caliper 6 inch", ""),
        ("Thermal Transfer Labels 4x6", ""),
        ("Disposable Lab Coats XL, 10 pack", ""),
        ("Pop Hits of the Summer", "pop"),
        ("Synthpop Dreams by Violet Arcade", "pop"),
        ("Popcorn Machine Blues", ""),
        ("Country Roads by John Denver", "country"),
        ("Nashville Skyline Rag", "country"),
        ("Cross Country Runner", ""),
        ("No Country for Old Tunes", ""),
    )
)  # fmt: skip


def labels(text: str, names: tuple[str, ...] = tuple(ATTRIBUTES)) -> frozenset[str]:
    """List the attributes that a text names."""
    return frozenset(name for name in names if ATTRIBUTES[name].named_in(text))


def reliability(name: str) -> dict[str, float]:
    """Hold the words of an attribute against the labelled lines: precision, recall, and how many lines have it."""
    found = [name in labels(text) for text, _ in LABELLED]
    true = [name in marked for _, marked in LABELLED]
    right = sum(one and other for one, other in zip(found, true, strict=True))
    return {
        "precision": right / max(sum(found), 1),
        "recall": right / max(sum(true), 1),
        "lines": sum(true),
    }
