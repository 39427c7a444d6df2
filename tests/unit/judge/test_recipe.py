from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from lineside import Size
from lineside.core.errors import LinesideError, SettingsError, UnknownNameError
from lineside.core.verdict import Reason, Verdict
from lineside.judge.recipe import LARGEST_BYTES, Recipe
from lineside.testing.rules import seen
from recipes import FIRST, LABELS, RECIPE

FILE = Path("/plant/recipes/caps.toml")
LABEL_OK = ("label/ok", 0.9, (100, 100, 200, 200))
CAP = ("cap", 0.9, (20, 50, 620, 300))


def read(text=RECIPE):
    return Recipe.of(text.encode(), FILE)


def judge_of(recipe, cameras=("top", "side")):
    return recipe.judge(recipe.planned(FIRST, {"label": LABELS}), cameras)


def changed(old, new):
    assert old in RECIPE
    return RECIPE.replace(old, new, 1)


def test_a_recipe_is_all_that_is_special_about_a_product():
    recipe = read()
    assert (recipe.name, recipe.title, recipe.codes) == ("caps", "Blue caps", ("4711", "A-12"))
    assert recipe.model_path == str(Path("/plant/recipes/models/caps.onnx").absolute())
    assert recipe.stage_path("label").endswith("labels.onnx")
    assert dict(recipe.camera("top").features) == {"ExposureTime": 800.0}
    assert recipe.camera("top").size == Size(height=480, width=640)
    assert recipe.camera("another").judged
    assert recipe.baseline_file("top").name == "top.json"
    assert recipe.baseline_file("side") is None
    assert recipe.camera_names == ("top", "side")
    (golden,) = recipe.golden
    assert (golden.verdict, set(golden.pictures)) == ("PASS", {"top", "side"})
    assert len(recipe.sha256) == 64


def test_its_judge_knows_the_classes_of_all_models_and_measures_by_the_calibration():
    judge = judge_of(read())
    assert judge.names == ("cap", "label", "scratch", "label/ok", "label/torn")
    top = seen("top", judge.names, LABEL_OK)
    assert judge([top, seen("side", judge.names, CAP)]).verdict is Verdict.PASS
    wide = seen("side", judge.names, ("cap", 0.9, (10, 50, 635, 300)))
    assert judge([top, wide]).detail == "side: cap 0.90: width 31.25 mm, expected at most 31"
    missing = judge([seen("top", judge.names), seen("side", judge.names, CAP)])
    assert (missing.verdict, missing.detail) == (Verdict.FAIL, "top: 0 of 1 label/ok")
    marginal = judge(
        [seen("top", judge.names, LABEL_OK, ("scratch", 0.4, (5, 5, 9, 9))), seen("side", judge.names, CAP)]
    )
    assert marginal.reason is Reason.MARGINAL


def test_the_model_is_asked_for_all_that_rules_and_stages_look_at():
    recipe = read()
    judge = judge_of(recipe)
    asked = recipe.asked(judge)
    assert (asked["confidence"], asked["iou"], asked["max_detections"]) == (0.2, 0.5, 300)
    assert recipe.asked_of_stage(judge, classifies=False, classes=2) == {"confidence": 0.25}
    every = recipe.asked_of_stage(judge, classifies=True, classes=2)
    assert every == {"confidence": 0.0, "max_detections": 2}


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('cameras = ["top"]', 'cameras = ["topp"]', r'rule\[1\]: cameras: the line has no camera "topp".*"top"'),
        ('"label/ok"', '"label/okay"', r'rule\[1\]: classes: the model has no class "label/okay".*"label/ok"'),
        ('on = ["label"]', 'on = ["lable"]\nname = "label"', r'stage\[0\].on: the model has no class "lable".*"label"'),
        ("[camera.side]", "[camera.sides]", r'camera.sides: the line has no camera "sides"'),
        ("calibration = { mm_per_px = 0.05 }", "", r"rule\[2\]: unit: .*\[camera.side.calibration\]"),
        ("nms =", "confidence = 0.25\nnms =", r"model.confidence: expected 0.2 at most"),
        ("nms =", 'classes = ["cap", "label"]\nnms =', r'model.classes: expected "scratch" among them'),
        ("nms =", 'classes = ["cap", "label", "scrach"]\nnms =', r'model.classes: the model has no class "scrach"'),
        (
            'kind = "forbid"\nclasses = ["scratch"]',
            'kind = "forbid"\nclasses = ["scratch"]\nregion = { rectangle = [600, 0, 700, 50] }',
            r"rule\[0\]: region: expected it inside of the picture of (top|side), 640x480",
        ),
        ('kind = "forbid"\n', 'kind = "forbid"\ncameras = ["top"]\n', None),
    ],
)  # fmt: skip
def test_what_does_not_fit_the_models_or_the_line_is_refused_with_file_and_key(old, new, words):
    if words is None:
        judge_of(read(changed(old, new)))
        return
    with pytest.raises(SettingsError, match=words) as refusal:
        judge_of(read(changed(old, new)))
    assert str(refusal.value).startswith(str(FILE))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("schema = 1", "schema = 2", "schema: expected 1; got 2"),
        ("schema = 1\n", "", "schema: this key is missing"),
        ('code = [4711, "A-12"]', "code = true", "code: expected a number or a text"),
        ('code = [4711, "A-12"]', "code = []", "code: expected a number or a text"),
        ('code = [4711, "A-12"]', 'code = [7, "7"]', "each code once"),
        ('code = [4711, "A-12"]', "code = 1.5", "code: expected a number or a text"),
        ("title", "titel", 'titel: no such key; did you mean "title"'),
        ("pad = 0.1", "pad = 3", r"stage\[0\].pad: expected less than or equal to 1; got 3"),
        ('on = ["label"]', 'on = ["label", "cap"]', r"stage\[0\]: expected a name"),
        ('kind = "forbid"', 'kind = "forbit"', r'rule\[0\]: no plug-in "forbit" .*"forbid"'),
        ('kind = "forbid"\n', "", r"rule\[0\]: expected a kind"),
        ("marginal = [0.3, 0.5]", "marginal = [0.3]", r"rule\[0\]: marginal"),
        ("picture = [640, 480]", "picture = [640, -1]", "camera.top: expected picture as width"),
        ('verdict = "PASS"', 'verdict = "pass"', r"golden\[0\].verdict: expected 'PASS'"),
        ('verdict = "PASS"', 'verdict = "PASS"\nreason = "late"', r"golden\[0\]: expected a reason only"),
        ("[end]\n", "", "end: this key is missing"),
        ("[end]", "[end]\nmore = 1", "end.more: no such key"),
        ("[model]", "[model", "expected TOML"),
    ],
)
def test_a_wrong_key_is_refused_with_file_path_and_expectation(old, new, words):
    with pytest.raises(LinesideError, match=words) as refusal:
        read(changed(old, new))
    assert str(refusal.value).startswith(str(FILE))


def test_a_file_that_was_cut_off_anywhere_is_never_a_recipe():
    read(RECIPE.rstrip())
    for length in range(len(RECIPE.rstrip())):
        with pytest.raises(SettingsError):
            read(RECIPE[:length])


def test_bytes_that_are_no_recipe_are_refused():
    for data in (b"", b"\xff\xfe", b"\0" * 100, b"a = " + b"[" * 3000, b"#" * (LARGEST_BYTES + 1)):
        with pytest.raises(SettingsError):
            Recipe.of(data, FILE)
    with pytest.raises(SettingsError, match="cannot be read"):
        Recipe.read(Path("/no/such/recipe.toml"))


def test_a_rule_for_all_classes_is_refused_where_the_model_is_asked_for_some():
    text = RECIPE.replace("nms =", 'classes = ["cap", "label", "scratch"]\nnms =')
    judge_of(read(text))
    with pytest.raises(SettingsError, match=r"rule\[0\]: classes: expected them by name"):
        judge_of(read(text.replace('classes = ["scratch"]\n', "")))


def test_two_stages_of_one_name_are_refused():
    stage = RECIPE[RECIPE.index("[[stage]]") : RECIPE.index("[[rule]]")]
    with pytest.raises(SettingsError, match=r'stage\[1\].name: another stage is called "label"'):
        read(RECIPE.replace(stage, stage + stage))


def test_a_camera_that_is_not_judged_is_left_out():
    text = RECIPE.replace('cameras = ["side"]\nmeasure', 'cameras = ["top"]\nmeasure')
    text = text.replace('unit = "mm"\n', "").replace("[camera.side]\n", "[camera.side]\njudged = false\n")
    judge = judge_of(read(text), ("top", "side"))
    assert judge.cameras == ("top",)


def every_key(value, path=()):
    """The path of each key of a document."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        yield (*path, key)
        yield from every_key(inner, (*path, key))


def spoilt(document, path, wrong):
    """A copy of the document with another value, or another name, at a path."""
    if len(path) > 1:
        inner = spoilt(document[path[0]], path[1:], wrong)
        if isinstance(document, list):
            return [inner if at == path[0] else each for at, each in enumerate(document)]
        return {**document, path[0]: inner}
    if isinstance(document, list):
        return [wrong if at == path[0] else each for at, each in enumerate(document)]
    if wrong is not None:
        return {**document, path[0]: wrong}
    return {("x" + key if key == path[0] else key): each for key, each in document.items()}


DOCUMENT = tomllib.loads(RECIPE)
OPEN = {
    "features",
    "pictures",
    "camera",
    "baseline",
    "adjust",
    "crop",
}  # tables whose keys are names of the user's own


@pytest.mark.parametrize("path", list(every_key(DOCUMENT)), ids=lambda path: ".".join(map(str, path)))
def test_every_key_that_is_wrong_once_is_refused(path):
    from lineside.core.documents import parsed
    from lineside.judge.recipe_tables import RecipeDocument
    from lineside.judge.rule import RuleTable

    def refused(document):
        with pytest.raises(LinesideError):
            read_all(document)

    def read_all(document):
        checked = parsed(RecipeDocument, document, "recipe")
        for table in checked.rule:
            RuleTable.read(table)

    read_all(DOCUMENT)
    if "adjust" not in path[:-1]:  # what is in it the line checks
        refused(spoilt(DOCUMENT, path, object()))
    if isinstance(path[-1], str) and not (len(path) > 1 and path[-2] in OPEN) and path[:1] != ("baseline",):
        refused(spoilt(DOCUMENT, path, None))


def test_a_stages_classes_must_be_given():
    with pytest.raises(SettingsError, match="class names of the model"):
        read().planned(FIRST, {})
    with pytest.raises(UnknownNameError):
        read().planned(("cap",), {"label": LABELS})


SHOTS = ("top/1", "top/2", "side")


def test_a_cameras_table_is_for_all_of_its_shots_and_a_shots_own_goes_before_it():
    recipe = read(
        changed(
            "[camera.side]",
            '[camera."top/2"]\npicture = [320, 240]\n\n[camera.side]',
        )
    )
    assert recipe.cameras_of(SHOTS) == SHOTS
    assert recipe.camera("top/1") == recipe.camera("top")
    second = recipe.camera("top/2")
    assert second.size == Size(240, 320)
    assert (second.adjust, second.features) == (recipe.camera("top").adjust, recipe.camera("top").features)
    about = recipe.about(recipe.planned(FIRST, {"label": LABELS}), SHOTS)
    assert about.sizes == {"top/1": Size(480, 640), "top/2": Size(240, 320), "side": Size(480, 640)}
    assert recipe.baseline_file("top/2") == recipe.baseline_file("top")
    with pytest.raises(UnknownNameError, match=r"camera.side: the line has no camera"):
        recipe.cameras_of(("top/1", "top/2"))
