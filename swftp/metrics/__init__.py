"""What is counted and measured: names and labels, whatever asks for them."""

from __future__ import annotations

from swftp.metrics.counting import Counting
from swftp.metrics.history import History, Sample
from swftp.metrics.instruments import Metrics

__all__ = ["Counting", "History", "Metrics", "Sample"]
