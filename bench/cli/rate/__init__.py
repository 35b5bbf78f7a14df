"""``bench rate``: a blind study made of a run, from the first invitation to the ranking."""

from __future__ import annotations

import typer

from bench.cli.verbs import Verb, group_of

VERBS: dict[str, Verb] = {
    "plan": Verb("bench.cli.rate.plan:plan", "bench rate plan --share 60% --models 6 --images 40"),
    "new": Verb("bench.cli.rate.study:new", "bench rate new --run demo --protocol pair --ties"),
    "texts": Verb("bench.cli.rate.texts:texts", "bench rate texts --language de --out texts.toml"),
    "invite": Verb(
        "bench.cli.rate.study:invite", "bench rate invite demo-pair -n 30 --out links.txt"
    ),
    "serve": Verb(
        "bench.cli.rate.serve:serve",
        "bench rate serve --host 0.0.0.0 --url https://study.example.org",
    ),
    "list": Verb("bench.cli.rate.keep:list_studies", "bench rate list"),
    "status": Verb("bench.cli.rate.watch:status", "bench rate status demo-pair --watch"),
    "raters": Verb(
        "bench.cli.rate.watch:raters", "bench rate raters demo-pair --csv --out raters.csv"
    ),
    "audit": Verb("bench.cli.rate.watch:audit", "bench rate audit demo-pair"),
    "export": Verb(
        "bench.cli.rate.watch:export", "bench rate export demo-pair --out judgements.csv"
    ),
    "erase": Verb("bench.cli.rate.study:erase", "bench rate erase demo-pair 7"),
    "extend": Verb("bench.cli.rate.keep:extend", "bench rate extend demo-pair --per-pair 40"),
    "close": Verb("bench.cli.rate.study:close", "bench rate close demo-pair"),
    "reopen": Verb("bench.cli.rate.keep:reopen", "bench rate reopen demo-pair"),
    "delete": Verb("bench.cli.rate.keep:delete", "bench rate delete demo-pair --yes"),
    "backup": Verb("bench.cli.rate.keep:backup", "bench rate backup studies-backup.db"),
    "copy": Verb(
        "bench.cli.rate.keep:copy",
        "bench rate copy --to postgresql+psycopg://bench@localhost/studies",
    ),
    "analyse": Verb(
        "bench.cli.rate.analyse:analyse", "bench rate analyse demo-pair --out analysis"
    ),
}

app = typer.Typer(
    add_completion=False, cls=group_of(VERBS), no_args_is_help=True, rich_markup_mode="rich"
)


@app.callback()
def _rate() -> None:
    pass
