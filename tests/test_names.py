"""Names with braces and the runs they stand for."""

from recloop.plan.names import RunName, defaults, placed, points, spread, swept, wanted

STUDY = {
    "datasets": {"one": {}, "two": {}},
    "training": {"epochs": 5},
    "models": {
        "m": {
            "a": 1.0,
            "b": {"one": 0.2, "two": 0.0},
            "loss": True,
            "inference": {"c": "x+y"},
            "backbone": {"dim": 64},
        },
        "n": {},
    },
}


def test_spread():
    assert spread("m,a={0,0.5}", {}) == ["m,a=0", "m,a=0.5"]
    assert spread("m,a={0,1},b={2,3}", {}) == ["m,a=0,b=2", "m,a=0,b=3", "m,a=1,b=2", "m,a=1,b=3"]
    assert spread("m", {}) == ["m"]


def test_the_default_is_the_plain_model():
    assert spread("m,a={0.0,1.0,2}", {"a": 1}) == ["m,a=0.0", "m", "m,a=2"]
    assert spread("m,loss={true,false}", {"loss": True}) == ["m", "m,loss=false"]
    assert spread("m,o={x,x+y}", {"o": "x+y"}) == ["m,o=x", "m"]
    assert spread("m,a=1,o=z", {"a": 1, "o": "x"}) == ["m,o=z"]


def test_true_is_not_one():
    assert spread("m,a={1,true}", {"a": True}) == ["m,a=1", "m"]


def test_defaults_are_flat_and_of_the_data_set():
    assert defaults(STUDY, "m,a=3", "one") == {
        "epochs": 5,
        "a": 1.0,
        "b": 0.2,
        "loss": True,
        "c": "x+y",
        "backbone.dim": 64,
        "dim": 64,
    }
    assert defaults(STUDY, "m", "two")["b"] == 0.0


HERE = {"training": {"epochs": 2}, "every_model": {"loss": False}, "models": {"m*": {"a": 0.5}}}
HERE |= {"controls": {"noise": {"like": "two"}}}


def test_what_a_tier_changes_is_what_a_model_has_anyway():
    study = STUDY | {"here": HERE}
    found = defaults(study, "m", "one")
    assert (found["epochs"], found["loss"], found["a"]) == (2, False, 0.5)
    assert points("m,a={0.5,1.0}", found) == [(0.5, "m"), (1.0, "m,a=1.0")]
    asked = wanted(study, {"models": ["m,epochs={2,5}"], "datasets": ["one"]})
    assert asked == [("one", "m"), ("one", "m,epochs=5")]
    assert defaults(study, "m", "noise")["b"] == 0.0  # as the data set that it is like


def test_points_carry_the_value_of_the_plain_model():
    assert points("m,b={0.0,0.2}", defaults(STUDY, "m", "one")) == [(0.0, "m,b=0.0"), (0.2, "m")]
    assert points("m,b={0.0,0.2}", defaults(STUDY, "m", "two")) == [(0.0, "m"), (0.2, "m,b=0.2")]
    assert points("m", {}) == [(None, "m")]


def test_swept_keyword():
    assert swept("m,b={0,1}") == "b"
    assert swept("m,b=1") is None


def test_wanted_runs_of_an_exhibit():
    entry = {
        "models": ["m,a={0,1}"],
        "baseline": "n",
        "datasets": ["one"],
        "panels": [{"models": ["n"], "datasets": ["two"]}],
    }
    assert wanted(STUDY, entry) == [("one", "m,a=0"), ("one", "m"), ("one", "n"), ("two", "n")]
    claim = {"checks": [{"models": ["m"], "than": ["n"], "datasets": ["two"]}]}
    assert wanted(STUDY, claim) == [("two", "m"), ("two", "n")]


def test_a_name_is_read_and_written():
    name = RunName.parse("m,a=0.5,b={0,1},c=x=y")
    assert (name.key, name.overrides) == ("m", (("a", "0.5"), ("b", "{0,1}"), ("c", "x=y")))
    assert str(name) == "m,a=0.5,b={0,1},c=x=y"
    assert name.sweep == ("b", ["0", "1"])
    assert RunName.parse("m").sweep is None
    assert str(name.keep(lambda key, _: key != "b")) == "m,a=0.5,c=x=y"


def test_what_is_needed_may_be_elsewhere():
    assert placed("m", "one") == (RunName("m"), "one")
    assert placed("m,share=0.2 on two", "one") == (RunName("m", (("share", "0.2"),)), "two")
