"""The ``course`` command."""

from pathlib import Path
from typing import Annotated

import typer

from course_utils.runtime import CourseError

app = typer.Typer(
    help="Build, check and follow the course on deep generative models.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Root = Annotated[Path, typer.Option(help="The folder that holds solutions/ and lectures/.")]


def main() -> None:
    """Run the command; what the reader can put right is one sentence on stderr and exit status 1."""
    try:
        app()
    except CourseError as error:
        typer.echo(str(error), err=True)
        raise SystemExit(1) from None


@app.command()
def build(
    lectures: Annotated[list[str] | None, typer.Argument(help="Such as 03 or 03_elbo; all if none.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Only say what is stale; needs no kernel.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Execute again what is current, too.")] = False,
    jobs: Annotated[int, typer.Option(min=1, help="Lectures executed side by side.")] = 1,
    root: Root = Path("."),
) -> None:
    """Make both notebooks of each lecture from its source, executed."""
    from course_utils.notebooks import LectureReport, build_lectures

    def say(lecture: LectureReport) -> None:
        typer.echo(f"{lecture.name}: {lecture.state} ({lecture.seconds:.1f} s)")

    report = build_lectures(root, lectures or (), check=check, force=force, jobs=jobs, done=say)
    for problem in report.problems:
        typer.echo(problem, err=True)
    if not report.ok:
        raise typer.Exit(1)


@app.command()
def grade(
    submissions: Annotated[Path, typer.Argument(help="A folder or zip file of notebooks.", exists=True)],
    out: Annotated[
        Path, typer.Option(help="Where grades and feedback go; what it holds is not graded again.")
    ],
    lectures: Annotated[Path, typer.Option(help="The lectures as students got them.")] = Path("lectures"),
    seed: Annotated[int | None, typer.Option(help="Repeat a run (its seed is in run.json).")] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Processes on this machine.")] = 1,
    scheduler: Annotated[str | None, typer.Option(help="A Dask scheduler, such as tcp://host:8786.")] = None,
    nbgrader: Annotated[Path | None, typer.Option(help="An nbgrader course, for its gradebook.")] = None,
    unsafe_no_sandbox: Annotated[
        bool, typer.Option("--unsafe-no-sandbox", help="Run students' code as yourself, with all you may do.")
    ] = False,
) -> None:
    """Grade notebooks in a sandbox; write grades.csv, feedback pages, results for Gradescope and a summary."""
    from course_utils.grading.command import grade_and_report

    grade_and_report(
        submissions,
        out,
        nbgrader=nbgrader,
        lectures=lectures,
        seed=seed,
        jobs=jobs,
        scheduler=scheduler,
        confined=not unsafe_no_sandbox,
    )


@app.command()
def release(
    bundle: Annotated[Path, typer.Option("--student-bundle", help="The zip file to write.")],
    root: Root = Path("."),
) -> None:
    """Pack what students get: the lectures and the package, and nothing of the solutions."""
    from course_utils.grading.bundle import write_bundle

    n_files = write_bundle(root, bundle)
    typer.echo(f"{bundle}: {n_files} files, no solutions.")


@app.command()
def doctor() -> None:
    """Say what is installed, what works, and what to do about the rest."""
    from course_utils.runtime.doctor import examine, healthy, report

    findings = examine()
    typer.echo(report(findings))
    if not healthy(findings):
        raise typer.Exit(1)


@app.command()
def progress(
    lecture: Annotated[int | None, typer.Argument(help="One lecture's exercises; all if none.")] = None,
) -> None:
    """Show how far you are with the exercises."""
    from course_utils.exercises import progress_view

    typer.echo(str(progress_view(lecture)))


@app.command()
def slides(
    lectures: Annotated[list[str] | None, typer.Argument(help="Such as 03 or 03_elbo; all if none.")] = None,
    out: Annotated[Path, typer.Option(help="The folder for the slides.")] = Path("build/slides"),
    pdf: Annotated[
        bool, typer.Option("--pdf/--no-pdf", help="Print a PDF as well; needs a chromium.")
    ] = True,
    root: Root = Path("."),
) -> None:
    """Write a lecture's slides: one HTML file that needs no network, and a PDF."""
    from course_utils.notebooks.build import find_sources
    from course_utils.presenting.browser import print_pdf
    from course_utils.presenting.slides import write_slides

    for source in find_sources(root, lectures or ()):
        page = out / f"{source.stem}.html"
        typer.echo(f"{page}: {write_slides(source.with_suffix('.ipynb'), page)} slides")
        if pdf:
            print_pdf(page, page.with_suffix(".pdf"))


@app.command()
def present(
    lecture: Annotated[str, typer.Argument(help="Such as 03 or 03_elbo.")],
    run: Annotated[bool, typer.Option("--run/--no-run", help="Run all cells before it opens.")] = True,
    root: Root = Path("."),
) -> None:
    """Open a lecture as live slides in JupyterLab."""
    from course_utils.notebooks.build import find_sources
    from course_utils.presenting.live import present_live

    (source,) = find_sources(root, [lecture])
    present_live(source.with_suffix(".ipynb"), run=run, say=typer.echo)


@app.command()
def site(
    out: Annotated[Path, typer.Option(help="The folder for the pages.")] = Path("build/site"),
    root: Root = Path("."),
) -> None:
    """Make the reading copy: all lectures as pages, with search and the reference of the package."""
    from course_utils.presenting.site import build_site

    typer.echo(f"open {build_site(root, out)}")
