"""`sightline explain`."""

from __future__ import annotations

import io
import re
from pathlib import Path, PurePath
from typing import Annotated, Any

import typer

from sightline.cli.console import Console
from sightline.cli.findings import tell_findings
from sightline.cli.options import Images, ModelOrName, Overwrite, Seed, parse_options
from sightline.cli.quiet import without_start_messages
from sightline.errors import CheckFailedError, ConfigError
from sightline.explanation import Heatmap, SanityCheck, default_method, explanation_method
from sightline.files import free_path, printable, write_bytes
from sightline.predictions import UNLIKE, UNSURE
from sightline.reporting.heatmap_sheet import HeatmapSheet
from sightline.workflows.explain import Explained, Question, explain_images, open_subject
from sightline.workflows.predict import find_images


def explain(
    context: typer.Context,
    model: ModelOrName,
    paths: Images,
    *,
    method: Annotated[
        str | None,
        typer.Option(
            help="grad_cam, integrated_gradients, or occlusion, which needs no TensorFlow.",
            show_default="grad_cam, without TensorFlow occlusion",
        ),
    ] = None,
    classes: Annotated[
        list[str] | None,
        typer.Option(
            "--class",
            metavar="NAME",
            help="What speaks for this class; repeatable. By default for the answer.",
        ),
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="An option of the method; repeatable."),
    ] = None,
    sanity: Annotated[
        bool,
        typer.Option(
            "--sanity", help="Check that models with random weights give other maps; slow."
        ),
    ] = False,
    save: Annotated[
        Path,
        typer.Option(
            metavar="FILE",
            help="A picture, .png (of several maps a sheet), the values, .npy, or a folder.",
        ),
    ] = Path("why.png"),
    seed: Seed = 0,
    overwrite: Overwrite = False,
) -> None:
    """Why this answer? Save a picture of where the model looked.

    Bright places speak for the class. Of a method with signs, red ones speak for it and blue ones
    against it. A folder as --save gets one picture for each map.
    """
    console: Console = context.obj
    chosen = explanation_method(method or default_method())
    if method is None and chosen.name != "grad_cam":
        console.note(f"TensorFlow is not installed: the method is {chosen.name}.")
    question = Question(
        method=chosen,
        classes=tuple(classes or ()),
        options=parse_options(option or ()),
        sanity=sanity,
        seed=seed,
    )
    album = _Album(save, overwrite=overwrite)
    images = find_images(paths)
    tell_findings(console, images.findings)
    with without_start_messages():
        subject = open_subject(model)
        question.check(subject)
        if chosen.needs_gradients or sanity:
            subject.open()  # now, while what TensorFlow says on starting is held back
    documents: list[dict[str, Any]] = []
    failed: list[Explained] = []
    with console.progress("Explaining") as progress:
        for answer in explain_images(subject, images.sources, question, progress=progress):
            if answer.error is not None:
                if len(images.sources) == 1:
                    raise answer.error
                failed.append(answer)
            for place, heatmap in enumerate(answer.heatmaps):
                check = answer.checks[place] if answer.checks else None
                saved = album.add(heatmap)
                documents.append(_document(heatmap, check, saved))
                if not console.as_json:
                    _tell(console, heatmap, check)
    _end(console, album=album, documents=documents, failed=failed, model=model)


class _Album:
    """Where maps go: a file for one, a sheet for several, or a folder with a file for each."""

    def __init__(self, path: Path, *, overwrite: bool) -> None:
        self._overwrite = overwrite
        self.folder = path.is_dir() or not path.suffix
        self.path = path
        if not self.folder:
            free_path(path, suffixes=(".png", ".npy"), overwrite=overwrite)
        elif not path.parent.is_dir():
            raise ConfigError(
                f"There is no folder {printable(path.parent)}.",
                expected="an existing folder to save into",
                fix=f"mkdir -p {printable(path.parent)}",
                code="no_such_folder",
            )
        self.sheet = HeatmapSheet()
        self._first: Heatmap | None = None
        self._count = 0

    def add(self, heatmap: Heatmap) -> Path:
        """Take a map, write it at once where it has a file of its own, and say where it goes."""
        self._count += 1
        if self.folder:
            self.path.mkdir(exist_ok=True)
            words = (PurePath(heatmap.name).stem, heatmap.label)
            stem = "_".join(re.sub(r"[^\w-]+", "-", word)[:60] for word in words)
            target = self.path / f"{self._count:04d}_{stem}.png"
            return heatmap.save(
                free_path(target, suffixes=(".png",), overwrite=self._overwrite), overwrite=True
            )
        if self.path.suffix.lower() == ".npy" and self._count > 1:
            raise ConfigError(
                f"{printable(self.path)} holds the values of one map, and there are several.",
                expected="one image and one class",
                fix="save a picture (.png), or run the command for each image",
                code="several_maps",
            )
        self._first = self._first or heatmap
        if self.path.suffix.lower() == ".png":
            self.sheet.add(heatmap)
        return self.path

    def close(self) -> None:
        """Write what goes into one file."""
        if self.folder or self._first is None:
            return
        if self._count == 1:
            self._first.save(self.path, overwrite=True)  # asked for before the work
            return
        content = io.BytesIO()
        self.sheet.draw().save(content, "PNG")
        write_bytes(self.path, content.getvalue())


def _document(heatmap: Heatmap, check: SanityCheck | None, saved: Path) -> dict[str, Any]:
    sanity = None if check is None else check.to_json()
    return {**heatmap.to_json(), "picture": printable(saved), "sanity": sanity}


def _tell(console: Console, heatmap: Heatmap, check: SanityCheck | None) -> None:
    name, label = printable(heatmap.name), printable(heatmap.label)
    empty = "; the map is empty: no place speaks for it" if heatmap.empty else ""
    refusal = f"{heatmap.answer}; the map is of " if heatmap.answer in (UNSURE, UNLIKE) else ""
    console.line(f"{name}: {refusal}{label} ({heatmap.probability:.3f}){empty}")
    if check is not None:
        stages = ", ".join(f"{_part(one.share)} {one.correlation:.2f}" for one in check.stages)
        verdict = "depends on the weights" if check.passed else "hardly depends on the weights"
        console.line(f"  the map {verdict}: likeness to models with random weights: {stages}")


def _part(share: float) -> str:
    words = {0.0: "in the last layer", 1.0: "in all"}
    return words.get(share, f"in {share:.0%} of the layers")


def _end(
    console: Console,
    *,
    album: _Album,
    documents: list[dict[str, Any]],
    failed: list[Explained],
    model: str,
) -> None:
    for answer in failed:
        if answer.error is not None:
            console.warning(f"{answer.error.what} [{answer.error.code}]")
    if not documents and failed and failed[0].error is not None:
        raise failed[0].error
    album.close()
    if album.sheet.left_out:
        console.warning(
            f"{album.sheet.left_out} maps did not fit on the sheet; --save FOLDER has room."
        )
    if console.as_json:
        console.document(_whole(album, documents, failed, model))
    else:
        maps = "1 map" if len(documents) == 1 else f"{len(documents)} maps"
        console.line(f"{printable(album.path)}: {maps}, {documents[0]['method']}")
    wrong = [one for one in documents if one["sanity"] and not one["sanity"]["passed"]]
    if wrong:
        raise CheckFailedError(
            f"{len(wrong)} of {len(documents)} maps look much like those of random models.",
            expected=f"a rank correlation below {wrong[0]['sanity']['limit']}",
            fix="use another method; such a map shows the image, not the model",
            code="insane_map",
        )


def _whole(
    album: _Album, documents: list[dict[str, Any]], failed: list[Explained], model: str
) -> dict[str, Any]:
    return {
        "schema": "explain",
        "schema_version": "1.1",
        "model": printable(model),
        "saved": printable(album.path),
        "maps": documents,
        "failed": [
            {"name": printable(one.name), "code": one.error.code, "what": one.error.what}
            for one in failed
            if one.error is not None
        ],
    }
