"""A scrape as plain values."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families


def read(text: str) -> dict[str, float]:
    """Each sample's value by its name and labels, as in `relay_posts_total{result="Done"}`."""
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {
        sample.name + "".join(f'{{{label}="{value}"}}' for label, value in sample.labels.items()): sample.value
        for sample in samples
    }
