"""A study's life: ``bench rate new``, ``invite``, ``erase`` and ``close``."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

import typer

from bench.cli.console import ShownProgress, next_line, part, print_json, say, split_models
from bench.cli.options import Json
from bench.cli.rate.options import (
    DEFAULT_DB,
    DEFAULT_URL,
    Db,
    Out,
    Study,
    Url,
    chosen_study,
    free_name,
    minutes,
    open_store,
    put,
)
from bench.core.errors import BenchError
from bench.core.files import write_result
from bench.core.layout import file_name
from bench.core.names import parse_spec
from raters.protocols import protocol_called, protocols


def new(
    run: Annotated[
        str,
        typer.Option(help="A run's folder, or the suite of its latest run.", show_default="none"),
    ] = "",
    folder: Annotated[
        Path | None,
        typer.Option(
            help="In place of a run: a folder that holds a folder of images for each method, and "
            "perhaps one called 'reference'.",
            show_default="none",
        ),
    ] = None,
    protocol: Annotated[
        str,
        typer.Option(help="; ".join(f"{p.name}: {p.summary}" for p in protocols().values()) + "."),
    ] = "pair",
    name: Annotated[
        str, typer.Option(help="What the study is called.", show_default="SUITE-PROTOCOL")
    ] = "",
    models: Annotated[
        str, typer.Option(help="Models, separated by commas.", show_default="all of the run")
    ] = "",
    images: Annotated[int, typer.Option(help="So many images, spread over the scenes.")] = 20,
    crop: Annotated[int, typer.Option(help="Side of the piece that is judged, in pixels.")] = 512,
    reference: Annotated[
        Literal["shown", "hidden"] | None,
        typer.Option(help="Show the reference beside.", show_default="shown where there is one"),
    ] = None,
    ties: Annotated[bool, typer.Option("--ties", help="Let raters call a pair the same.")] = False,
    golden: Annotated[str, typer.Option(help="Part of trials whose answer is known.")] = "5%",
    repeats: Annotated[str, typer.Option(help="Part of trials that come a second time.")] = "5%",
    per_pair: Annotated[
        int, typer.Option(help="Judgements of each pair of models, or ratings of each image.")
    ] = 20,
    trials: Annotated[int, typer.Option(help="Judgements asked of one rater, at most.")] = 60,
    assignment: Annotated[
        Literal["balanced", "active"],
        typer.Option(help="Least judged first, or where an answer tells most."),
    ] = "balanced",
    lease: Annotated[
        str, typer.Option(help="An unanswered trial goes to someone else after this.")
    ] = "10m",
    one_key: Annotated[
        bool, typer.Option("--one-key", help="A choice counts at once, without Enter.")
    ] = False,
    question: Annotated[
        str | None, typer.Option(help="Ask this.", show_default="the protocol's question")
    ] = None,
    crowd: Annotated[
        int | None, typer.Option(help="At most so many through the crowd link.", show_default="any")
    ] = None,
    completion_code: Annotated[
        str | None,
        typer.Option(help="Shown at the end, for a crowd platform.", show_default="one per rater"),
    ] = None,
    partial_code: Annotated[
        str | None,
        typer.Option(
            help="Shown to who leaves, or is stopped by closing, after some judgements.",
            show_default="none for who leaves",
        ),
    ] = None,
    return_url: Annotated[
        str | None,
        typer.Option(
            help="Go back there after the end; {code} stands for the completion code.",
            show_default="stay",
        ),
    ] = None,
    texts: Annotated[
        list[Path] | None,
        typer.Option(
            help="TOML file of what raters are told, or of a part of it, as 'bench rate texts' "
            "writes it; may be given more than once, for several languages.",
            show_default="those that are shipped",
        ),
    ] = None,
    language: Annotated[
        Literal["en", "de", "es", "zh", "browser"] | None,
        typer.Option(
            help="What raters are told is in this language, or in that of each one's browser.",
            show_default="that of --texts, else en",
        ),
    ] = None,
    time_limit: Annotated[
        str | None,
        typer.Option(help="Thank a rater so long after consent: 30min.", show_default="none"),
    ] = None,
    colours: Annotated[
        bool, typer.Option("--colours", help="Check colour vision before judging.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Seed of which crops are judged.")] = 0,
    url: Url = DEFAULT_URL,
    as_json: Json = False,
    db: Db = DEFAULT_DB,
) -> None:
    """Make a study out of a finished run, or of folders of images."""
    from bench.runs.collecting import collected
    from bench.runs.finding import find_run
    from raters.studies.creation import StudyOptions, create_study
    from raters.studies.room import advice
    from raters.texts.own import read_texts
    from raters.web.address import parsed, return_page

    reached = parsed(url)
    back = None if return_url is None else return_page(return_url)
    if (folder is None) == (not run):
        raise BenchError("give --run with a run, or --folder with the images of all methods")
    if folder is None:
        source = find_run(run)
        suite, _ = parse_spec(source.record().spec.suite)
    else:
        with ShownProgress() as progress:
            source = collected(folder, progress.update)
        suite = file_name(source.record().suite.name)
    store = open_store(db, create=True)
    options = StudyOptions(
        name=name or free_name(store, f"{suite}-{protocol}"),
        protocol=protocol,
        per_pair=per_pair,
        trials=trials,
        images=images,
        crop=crop,
        reference=reference,
        ties=ties,
        golden=part("golden", golden),
        repeats=part("repeats", repeats),
        assignment=assignment,
        lease=minutes(lease),
        models=split_models(models),
        seed=seed,
        question=question,
        one_key=one_key,
        completion_code=completion_code,
        partial_code=partial_code,
        crowd=crowd,
        return_url=back,
        language=language,
        time_limit=None if time_limit is None else minutes(time_limit),
        colours=colours,
    )
    made = create_study(store, source.path, options, [read_texts(path) for path in texts or ()])
    window = advice(protocol_called(protocol), (made.width, made.height))
    each = min(round(trials * (1 - options.golden - options.repeats)), made.items)
    raters = -(-made.judgements // max(1, each))
    if as_json:
        print_json(
            {
                "study": made.name,
                "models": list(made.models),
                "images": made.images,
                "items": made.items,
                "judgements": made.judgements,
                "raters": raters,
                "notes": list(made.notes),
                "window": window,
                "unnamed": list(made.unnamed),
                "dashboard": reached.dashboard(made.dashboard_token),
                "crowd": reached.crowd(made.entry_token),
            }
        )
        return
    say(
        f"study '{made.name}': {len(made.models)} models, {made.images} images, {made.items} "
        f"trials to choose from, {made.judgements} judgements wanted, from about {raters} raters"
    )
    say(f"  {window}")
    for note in made.notes:
        say(f"  note: {note}")
    if made.unnamed:
        say(
            f"  note: the consent names no {', '.join(made.unnamed)}; --texts FILE.toml can, under "
            "[study] ('bench rate texts' writes such a file)"
        )
    say(f"dashboard (keep this link, it is shown once): {reached.dashboard(made.dashboard_token)}")
    say(f"link for a crowd platform: {reached.crowd(made.entry_token)}")
    db_option = () if db == DEFAULT_DB else ("--db", db)
    say(next_line("rate", "serve", *db_option))
    say(next_line("rate", "invite", made.name, "-n", raters, *db_option))


def invite(
    study: Study = "",
    count: Annotated[int, typer.Option("-n", "--count", help="So many personal links.")] = 1,
    valid: Annotated[
        str | None,
        typer.Option(help="They work for so long: 12h, 14d.", show_default="until it is closed"),
    ] = None,
    prolific: Annotated[
        bool,
        typer.Option("--prolific", help="A new link for a crowd platform; the old one ends."),
    ] = False,
    dashboard: Annotated[
        bool, typer.Option("--dashboard", help="A new dashboard link; the old one ends.")
    ] = False,
    preview: Annotated[
        bool, typer.Option("--preview", help="A link to try the study by; nothing of it counts.")
    ] = False,
    again: Annotated[
        int | None,
        typer.Option(help="A new link for this rater, who lost theirs; the old one ends."),
    ] = None,
    out: Out = None,
    url: Url = DEFAULT_URL,
    as_json: Json = False,
    db: Db = DEFAULT_DB,
) -> None:
    """Make personal links for raters. Links are shown once: only their hashes are kept."""
    from raters.studies.tokens import invite, link_again, renew
    from raters.trials.preview import preview as preview_link
    from raters.web.address import parsed

    reached = parsed(url)
    store = open_store(db)
    chosen = chosen_study(store, study)
    if again is not None:
        links = [reached.rater(link_again(store, chosen, again))]
    elif preview:
        links = [reached.rater(preview_link(store, chosen))]
    elif prolific or dashboard:
        links = [reached.crowd(renew(store, chosen, "entry"))] if prolific else []
        links += [reached.dashboard(renew(store, chosen, "dashboard"))] if dashboard else []
    else:
        ends = None if valid is None else timedelta(minutes=minutes(valid))
        links = [reached.rater(token) for token in invite(store, chosen, count, valid=ends)]
    text = "".join(f"{link}\n" for link in links)
    if not as_json:
        put(text, out)
        return
    if out is not None:
        write_result(out, text)
    print_json({"study": chosen, "links": links, "written": None if out is None else str(out)})


def erase(
    study: Annotated[str, typer.Argument(help="The study's name.")],
    rater: Annotated[int, typer.Argument(help="The rater's number, as in status and export.")],
    as_json: Json = False,
    db: Db = DEFAULT_DB,
) -> None:
    """Remove one rater and all that came from them."""
    from raters.trials.withdrawal import erase

    gone = erase(open_store(db), study, rater)
    if as_json:
        print_json({"study": study, "rater": rater, "judgements": gone})
        return
    say(f"rater {rater} of '{study}' and {gone} judgements are erased")


def close(
    study: Annotated[str, typer.Argument(help="The study's name.")],
    as_json: Json = False,
    db: Db = DEFAULT_DB,
) -> None:
    """End a study: no more judgements, and results may be looked at."""
    from raters.studies.changes import close_study

    close_study(open_store(db), study)
    if as_json:
        print_json({"study": study, "state": "closed"})
        return
    db_option = () if db == DEFAULT_DB else ("--db", db)
    say(f"study '{study}' is closed, and its exports name the models")
    say(next_line("rate", "analyse", study, *db_option))
