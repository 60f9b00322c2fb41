from __future__ import annotations

import copy
import inspect
import pickle
import time
from dataclasses import MISSING, FrozenInstanceError, asdict, fields, replace
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, get_args, get_type_hints
from uuid import UUID

import pytest
from hypothesis import example
from hypothesis import given as any_given
from hypothesis import strategies as st

from facelift.asset import Action, ActionName, Asset, AssetName
from facelift.errors import InvalidJob
from facelift.fit import Fit, FitName
from facelift.job import (
    ImageRef,
    JobFields,
    Priority,
    PriorityName,
    RemovalFields,
    UploadJob,
    check_job_id,
)

if TYPE_CHECKING:
    from enum import StrEnum

SHA256 = "0123456789abcdef" * 4


def job(**given: Any) -> UploadJob:
    return UploadJob(**({"chatbot_id": "bot", "image": "media:a.png"} | given))


def refusal(**given: Any) -> InvalidJob:
    with pytest.raises(InvalidJob) as caught:
        job(**given)
    return caught.value


def test_a_chatbot_and_an_image_are_enough() -> None:
    made = job()
    assert (made.account, made.fit) == ("default", "strict")
    assert (made.idempotency_key, made.sha256) == (None, None)
    assert (made.not_before, made.expires_at) == (None, None)
    assert (made.priority, made.fairness_key) == ("normal", None)


def test_a_job_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        job().image = "media:b.png"  # type: ignore[misc]  # the point of the test


@pytest.mark.parametrize("field", ["chatbot_id", "image", "account", "idempotency_key", "sha256"])
@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("", "must not be blank"),
        (" \u00a0\t", "must not be blank"),
        (7, "must be text, not int"),
        (True, "must be text, not bool"),
        (b"bytes", "must be text, not bytes"),
        (["a"], "must be text, not list"),
        ("a\x00", "control characters"),
        ("a\n", "control characters"),
        ("a\x7f", "control characters"),
        ("a\x85", "control characters"),
        ("a\ud800", "control characters"),
        ("a\u202eb", "turn the direction of writing: 'a\\u202eb'"),
        ("a\u200bb", "none that are not seen"),
        ("\ufeffa", "none that are not seen"),
        ("a\u2028b", "control characters"),
        ("a\u2029b", "control characters"),
        ("\u200d\u3164", "must not be blank"),
    ],
)
def test_text_that_is_none_is_refused(field: str, value: object, why: str) -> None:
    error = refusal(**{field: value})
    assert error.field == field
    assert why in error.reason


@pytest.mark.parametrize("field", ["chatbot_id", "account"])
def test_required_text_cannot_be_none(field: str) -> None:
    assert refusal(**{field: None}).reason == "must be text, not NoneType"


@pytest.mark.parametrize(
    ("field", "longest"),
    [
        ("chatbot_id", "b" * 200),
        ("image", "media:" + "a" * 1018),
        ("account", "a" * 40),
        ("idempotency_key", "k" * 200),
    ],
)
def test_text_has_a_longest_length(field: str, longest: str) -> None:
    assert getattr(job(**{field: longest}), field) == longest
    error = refusal(**{field: longest + "x"})
    assert error.field == field
    assert f"at most {len(longest)} are allowed" in error.reason


@pytest.mark.parametrize("field", ["chatbot_id", "idempotency_key"])
@pytest.mark.parametrize("blank", [" ", "\u00a0", "\u3000", "\u2007", "\u200d", "\u3164", "\u2800"])
@pytest.mark.parametrize("place", ["{}bot", "bot{}"])
def test_ids_have_no_blank_around_them(field: str, blank: str, place: str) -> None:
    error = refusal(**{field: place.format(blank)})
    assert error.field == field
    assert error.reason == f"must not begin or end with a blank: {place.format(blank)!a}"
    assert getattr(job(**{field: f"b{blank}t"}), field) == f"b{blank}t"


def test_joiners_that_names_need_are_kept() -> None:
    for name in ("نمی\u200cشود", "क्\u200dष"):
        assert job(chatbot_id=name).chatbot_id == name


@pytest.mark.parametrize("chatbot", ["5QHA6VB-DIAbBhxwqxfdi", "käse brot", "机器人", "a/b?c=d"])
def test_any_other_text_may_name_a_chatbot(chatbot: str) -> None:
    assert job(chatbot_id=chatbot).chatbot_id == chatbot


@pytest.mark.parametrize(
    ("image", "store", "path"),
    [
        ("media:bots/42.png", "media", "bots/42.png"),
        ("s-3_b:x", "s-3_b", "x"),
        ("m:a:b", "m", "a:b"),
        ("m:/absolute", "m", "/absolute"),
        ("m:../up", "m", "../up"),  # the worker confines paths, whatever they say
        ("m:Ähre 1.png", "m", "Ähre 1.png"),
    ],
)
def test_an_image_is_a_store_and_a_path(image: str, store: str, path: str) -> None:
    assert job(image=image).image_ref == ImageRef(store, path)
    assert str(ImageRef.parse(image)) == image


@pytest.mark.parametrize(
    ("image", "why"),
    [
        ("a.png", "must be <store>:<path>"),
        ("media:", "must be <store>:<path>"),
        ("https://example.com/a.png", "must be <store>:<path>"),
        (":a.png", "the store's name"),
        ("Media:a.png", "the store's name"),
        ("-m:a.png", "the store's name"),
        ("m m:a.png", "the store's name"),
        ("m" * 33 + ":a.png", "the store's name"),
        ("/srv/a:b", "the store's name"),
    ],
)
def test_an_image_of_another_form_is_refused(image: str, why: str) -> None:
    error = refusal(image=image)
    assert error.field == "image"
    assert why in error.reason


@pytest.mark.parametrize("account", ["Shop", "_shop", "shop.eu", "shop eu", "größe"])
def test_an_account_is_a_name_that_a_variable_can_spell(account: str) -> None:
    assert refusal(account=account).reason.startswith("must be 1 to 40 of a-z")


def test_a_hash_is_kept_in_lower_case() -> None:
    assert job(sha256=SHA256.upper()).sha256 == SHA256


@pytest.mark.parametrize("sha256", [SHA256[:-1], "g" * 64, "0x" + "a" * 62])
def test_a_hash_of_another_form_is_refused(sha256: str) -> None:
    assert refusal(sha256=sha256).reason == "must be 64 hexadecimal digits"


@pytest.mark.parametrize("field", ["not_before", "expires_at"])
@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        (1_764_000_000, 1_764_000_000.0),
        (1_764_000_000.123456, 1_764_000_000.123),
        (datetime(2026, 1, 1, tzinfo=UTC), 1_767_225_600.0),
        (datetime(2026, 1, 1, 2, tzinfo=timezone(timedelta(hours=2))), 1_767_225_600.0),
    ],
)
def test_a_time_is_kept_in_unix_seconds(field: str, given: object, seconds: float) -> None:
    assert getattr(job(**{field: given}), field) == seconds


@pytest.mark.parametrize("field", ["not_before", "expires_at"])
@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("1764000000", "must be Unix seconds, a datetime or a timedelta from now, not str"),
        (True, "must be Unix seconds, a datetime or a timedelta from now, not bool"),
        (60, "60 is in 1970; for 60 seconds from now give timedelta(seconds=60)"),
        (0.5, "for 0.5 seconds from now give timedelta(seconds=0.5)"),
        (timedelta(seconds=-1), "must be a timedelta from now, not a negative one"),
        (timedelta.max, "must not be 999999999 days from now"),
        (1_764_000_000_000, "not milliseconds"),
        (10**400, "not milliseconds"),
        (0, "must be Unix seconds"),
        (-1.5, "must be Unix seconds"),
        (float("nan"), "must be Unix seconds"),
        (float("inf"), "must be Unix seconds"),
        (datetime(2026, 1, 1), "needs a time zone"),  # noqa: DTZ001 - the point of the test
        (datetime.min.replace(tzinfo=UTC), "must be Unix seconds"),
    ],
)
def test_a_time_of_another_form_is_refused(field: str, given: object, why: str) -> None:
    error = refusal(**{field: given})
    assert error.field == field
    assert why in error.reason


def test_a_job_must_not_expire_before_it_may_start() -> None:
    at = 1_764_000_000
    assert job(not_before=at, expires_at=at + 0.001).expires_at == at + 0.001
    for expires_at in (at - 1, at, at + 0.0004):
        assert refusal(not_before=at, expires_at=expires_at).field == "expires_at"


@pytest.mark.parametrize("field", ["not_before", "expires_at"])
def test_span_is_counted_from_now(field: str) -> None:
    before = time.time()
    at = getattr(job(**{field: timedelta(hours=1)}), field)
    assert before + 3600 - 0.001 <= at <= time.time() + 3600 + 0.001


@pytest.mark.parametrize("field", ["chatbot_id", "idempotency_key", "fairness_key", "batch"])
def test_uuid_is_kept_as_its_text(field: str) -> None:
    name = UUID("6a0b3f0e-6a1c-4b8e-9d3c-0c1f9b7e2a11")
    assert getattr(job(**{field: name}), field) == str(name)
    assert check_job_id(name) == str(name)


def test_job_is_pickled_copied_and_changed_as_it_was() -> None:
    made = job(not_before=timedelta(hours=1), fit="crop", priority="low", chatbot_id="b")
    assert pickle.loads(pickle.dumps(made)) == copy.deepcopy(made) == made  # noqa: S301 - our own bytes
    assert replace(made, fit=Fit.PAD).fit is Fit.PAD
    assert UploadJob(**asdict(made)) == made


def test_mapping_and_job_have_the_same_fields_and_defaults() -> None:
    hints = get_type_hints(UploadJob.__init__)
    of_set, of_removal = get_type_hints(JobFields), get_type_hints(RemovalFields)
    assert of_set | {"image": str | None} | {"action": hints["action"]} == {
        name: kind for name, kind in hints.items() if name != "return"
    }
    assert of_removal.keys() == of_set.keys() - {"image", "sha256", "fit", "fit_focus"}
    arguments = inspect.signature(UploadJob.__init__).parameters
    for field in fields(UploadJob):
        if field.default is not MISSING:
            assert arguments[field.name].default == field.default
    assert JobFields.__required_keys__ == {"chatbot_id", "image"}
    assert RemovalFields.__required_keys__ == {"chatbot_id", "action"}
    assert get_args(FitName) == tuple(Fit)
    assert get_args(PriorityName) == tuple(Priority)
    assert get_args(AssetName) == tuple(Asset)
    assert get_args(ActionName) == tuple(Action)


def test_job_sets_the_profile_picture_unless_it_says_otherwise() -> None:
    assert (job().asset, job().action) == (Asset.PROFILE_PICTURE, Action.SET)
    made = UploadJob(chatbot_id="bot", asset="icon", action="remove")
    assert (made.asset, made.action, made.image, made.image_ref) == ("icon", "remove", None, None)


@pytest.mark.parametrize("value", ["Icon", "", None, 1, ["icon"], "delete"])
@pytest.mark.parametrize(("field", "right"), [("asset", Asset), ("action", Action)])
def test_another_asset_or_action_is_refused_and_the_right_ones_are_named(
    field: str, right: type[StrEnum], value: object
) -> None:
    refused = refusal(**{field: value})
    assert refused.field == field
    assert refused.reason.startswith(f"must be one of {', '.join(right)}, not ")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("image", "media:a.png"),
        ("image", ""),
        ("sha256", SHA256),
        ("fit", "crop"),
        ("fit", "pad"),
        ("fit_focus", "0.5,0.5"),
    ],
)
@pytest.mark.parametrize("asset", Asset)
def test_removal_refuses_what_only_an_image_has(asset: Asset, field: str, value: object) -> None:
    with pytest.raises(InvalidJob, match=f"^{field}: must be left out of a removal, not '"):
        UploadJob(chatbot_id="bot", asset=asset, action="remove", **{field: value})  # type: ignore[arg-type] # one at a time


def test_removal_takes_what_every_job_has() -> None:
    more = {"account": "a", "idempotency_key": "k", "not_before": 1e9, "expires_at": 2e9}
    more |= {"batch": "b", "priority": "low", "fairness_key": "f", "fit": "strict"}
    made = UploadJob.from_fields({"chatbot_id": "bot", "action": "remove"} | more)
    assert {name: getattr(made, name) for name in more} == more


@pytest.mark.parametrize("fit", ["strict", "crop", "pad"])
def test_job_says_how_its_image_may_be_fitted(fit: str) -> None:
    assert job(fit=fit).fit == fit


@pytest.mark.parametrize("fit", ["Crop", "stretch", "", None, 1, ["crop"]])
def test_another_fit_is_refused_and_the_right_ones_are_named(fit: object) -> None:
    refused = refusal(fit=fit)
    assert refused.field == "fit"
    assert "must be one of strict, crop, pad, not" in str(refused)


@pytest.mark.parametrize("focus", [(0.5, 0.25), [0.5, 0.25], "0.5,0.25", " .5 , 0.25000001"])
def test_focus_is_kept_as_two_numbers(focus: Any) -> None:
    assert job(fit="crop", fit_focus=focus).fit_focus == (0.5, 0.25)


@pytest.mark.parametrize(
    "focus",
    [
        *(0.5, (0.5,), (0, 0, 0), (0, 1.01), (-0.1, 0), (float("nan"), 0), (True, 0), (None, 0)),
        *("", "0.5", "0.5,", "half,0", "0.5,0.3,0.1", "1e-1,0", {0.1, 0.2}, b"\0\1"),
    ],
)
def test_another_focus_is_refused_with_what_would_be_right(focus: Any) -> None:
    refused = refusal(fit="crop", fit_focus=focus)
    assert refused.field == "fit_focus"
    assert "must be two numbers from 0 to 1" in str(refused)


@pytest.mark.parametrize("fit", ["strict", "pad"])
def test_focus_without_a_crop_is_refused(fit: FitName) -> None:
    refused = refusal(fit=fit, fit_focus=(0, 0))
    assert str(refused) == f"fit_focus: needs fit crop, which keeps a part; fit is {fit}"


def test_metadata_are_kept_as_they_are_and_not_compared_by_hash() -> None:
    given = {"user_id": UUID(int=42), "note": "Ünï", "empty": ""}
    made = job(metadata=given)
    assert made.metadata == {"user_id": str(UUID(int=42)), "note": "Ünï", "empty": ""}
    assert hash(made) == hash(job())
    assert job(metadata={}).metadata is None


@pytest.mark.parametrize(
    ("metadata", "why"),
    [
        ("user_id=42", "must be a map of text, such as {'user_id': '42'}, not 'user_id=42'"),
        ({"user_id": 42}, "user_id must be text, not int"),
        ({"user_id": None}, "user_id must be text, not NoneType"),
        ({"user_id": "a\x1b[0m"}, "user_id must hold no control characters"),
        ({"user id": "42"}, "a name must be 1 to 40 of letters, digits"),
        ({42: "42"}, "a name must be 1 to 40 of letters, digits"),
        ({f"n{number}": "" for number in range(17)}, "has 17 entries; at most 16 are allowed"),
        ({"n": "n" * 501}, "n is 501 characters long; at most 500 are allowed"),
        (
            {f"n{number}": "n" * 499 for number in range(4)},
            "2,029 bytes as JSON; it may take 2,000",
        ),
    ],
)
def test_other_metadata_are_refused_with_what_is_wrong(metadata: object, why: str) -> None:
    refused = refusal(metadata=metadata)
    assert refused.field == "metadata"
    assert why in str(refused)


@pytest.mark.parametrize("priority", ["high", "normal", "low", *Priority])
def test_job_has_a_priority(priority: str) -> None:
    assert job(priority=priority).priority == priority


@pytest.mark.parametrize("priority", ["High", "urgent", "", None, 1, ["low"], b"low"])
def test_another_priority_is_refused_and_the_right_ones_are_named(priority: object) -> None:
    refused = refusal(priority=priority)
    assert refused.field == "priority"
    assert "must be one of high, normal, low, not" in str(refused)


@pytest.mark.parametrize("key", ["42", "customer-42", "k" * 64, "ana@example.com", "eu/shop:7_a.b"])
def test_fairness_key_is_kept_as_it_is(key: str) -> None:
    assert job(fairness_key=key).fairness_key == key


@pytest.mark.parametrize("key", ["", " a", "-a", "a b", "a\n", "a{b}", "é", "k" * 65, 42, b"a"])
def test_what_can_be_no_fairness_key_is_refused(key: object) -> None:
    refused = refusal(fairness_key=key)
    assert refused.field == "fairness_key"
    assert refused.reason.startswith("must be 1 to 64 of letters, digits, _ - . : @ and /,")


def test_fields_from_the_wire_make_the_same_job() -> None:
    given = {"chatbot_id": "bot", "image": "media:a.png", "account": "shop", "not_before": 1e9}
    assert UploadJob.from_fields(given) == job(account="shop", not_before=1e9)


@pytest.mark.parametrize("field", ["chatbot_id", "image"])
def test_a_field_that_is_missing_is_named(field: str) -> None:
    given = {"chatbot_id": "bot", "image": "media:a.png"}
    del given[field]
    with pytest.raises(InvalidJob, match=f"^{field}: is missing$"):
        UploadJob.from_fields(given)


def test_unknown_field_is_named_beside_the_known_ones() -> None:
    with pytest.raises(InvalidJob, match=r"^'picture': is not a field of a job: chatbot_id, image"):
        UploadJob.from_fields({"chatbot_id": "b", "image": "m:a", "picture": 1})


def test_a_refusal_shows_no_more_than_a_line_of_what_was_given() -> None:
    error = refusal(image="x" * 1000)
    assert len(str(error)) < 200
    assert str(refusal(image="\u202e")).isascii()


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=()), max_size=30)
    | st.sampled_from(["media:a.png", "shop", "strict", SHA256, 1_764_000_000.5]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
FIELDS = st.dictionaries(
    st.sampled_from([field.name for field in fields(UploadJob)]) | st.text(max_size=10),
    JSON,
    max_size=8,
)


@any_given(FIELDS | FIELDS.map(lambda some: {"chatbot_id": "bot", "image": "media:a.png"} | some))
@example({"chatbot_id": "bot", "image": "media:a.png", "expires_at": 10**400})
def test_whatever_comes_over_the_wire_makes_a_job_or_is_refused(given: dict[str, Any]) -> None:
    try:
        made = UploadJob.from_fields(given)
    except InvalidJob:
        return
    assert made == UploadJob.from_fields(asdict(made))


@pytest.mark.parametrize("job_id", ["a", "A-b_9", "0" * 64, "6a0b3f0e-6a1c-4b8e-9d3c-0c1f9b7e2a11"])
def test_a_job_id_is_kept_as_it_is(job_id: str) -> None:
    assert check_job_id(job_id) == job_id


@pytest.mark.parametrize(
    "job_id", ["", "-a", "_a", "a b", "a\n", "a:b", "{a}", "é", "a" * 65, None, 7, b"a", ["a"]]
)
def test_invalid_job_id_is_refused(job_id: object) -> None:
    with pytest.raises(InvalidJob) as caught:
        check_job_id(job_id)
    assert caught.value.field == "job_id"
