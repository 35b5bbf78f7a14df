"""``bench rate``: a blind study made of a run, from the first invitation to the ranking."""

from __future__ import annotations

import typer

from bench.cli.options import Verbs, add_verbs
from bench.cli.rate import analyse, keep, plan, serve, study, texts, watch

app = typer.Typer(no_args_is_help=True, rich_markup_mode="rich")

VERBS: Verbs = {
    "plan": (plan.plan, "bench rate plan --share 60% --models 6 --images 40"),
    "new": (study.new, "bench rate new --run demo --protocol pair --ties"),
    "texts": (texts.texts, "bench rate texts --language de --out texts.toml"),
    "invite": (study.invite, "bench rate invite demo-pair -n 30 --out links.txt"),
    "serve": (serve.serve, "bench rate serve --host 0.0.0.0 --url https://study.example.org"),
    "list": (keep.list_studies, "bench rate list"),
    "status": (watch.status, "bench rate status demo-pair --watch"),
    "raters": (watch.raters, "bench rate raters demo-pair --csv --out raters.csv"),
    "audit": (watch.audit, "bench rate audit demo-pair"),
    "export": (watch.export, "bench rate export demo-pair --out judgements.csv"),
    "erase": (study.erase, "bench rate erase demo-pair 7"),
    "extend": (keep.extend, "bench rate extend demo-pair --per-pair 40"),
    "close": (study.close, "bench rate close demo-pair"),
    "reopen": (keep.reopen, "bench rate reopen demo-pair"),
    "delete": (keep.delete, "bench rate delete demo-pair --yes"),
    "backup": (keep.backup, "bench rate backup studies-backup.db"),
    "copy": (keep.copy, "bench rate copy --to postgresql+psycopg://bench@localhost/studies"),
    "analyse": (analyse.analyse, "bench rate analyse demo-pair --out analysis"),
}

add_verbs(app, VERBS)
