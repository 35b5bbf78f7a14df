"""What raters are told, one table a language: no other code writes a sentence that they see."""

from raters.texts.table import LANGUAGES, Texts, preferred, shipped

__all__ = ["LANGUAGES", "Texts", "preferred", "shipped"]
