"""scan: secrets in what a push would send, found before it does, and texts without them."""

from git_exp.scan.library import EXTRA, Library, installed
from git_exp.scan.masking import masked
from git_exp.scan.sent import Outgoing, outgoing
from git_exp.scan.texts import Finding, holds_secret, text

__all__ = [
    "EXTRA",
    "Finding",
    "Library",
    "Outgoing",
    "holds_secret",
    "installed",
    "masked",
    "outgoing",
    "text",
]
