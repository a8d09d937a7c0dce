"""The REST interface, over real sockets."""

import hashlib
import io
import json
import re
from collections.abc import Sequence
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import numpy as np
import pydicom
import pytest
from PIL import Image
from real_server import ABSENT, PRESENT, UNTESTED, UNVALIDATED, Serving

from chexnet._files import UNFINISHED
from chexnet._version import __version__
from chexnet.classifier import Classifier, load
from chexnet.classifier.classifier import NOT_CHECKED
from chexnet.classifier.gate import EXPECTED, GATE_CLASSES
from chexnet.classifier.metadata import FindingMetadata
from chexnet.classifier.overlay import AGAINST, FOR, overlay
from chexnet.findings import FINDINGS, display_name
from chexnet.radiograph import read_radiograph
from chexnet.service import Limits, ServiceConfig
from chexnet.service.documents import why_not_validated
from chexnet.statistics import Estimate


@pytest.fixture(scope="module")
def gated(gated_model: Path, serving: Serving):
    with serving(load(gated_model)) as client:
        yield client


def upload(
    client: httpx.Client, content: bytes, name: str = "chest.png", params: dict | None = None, **headers: str
) -> httpx.Response:
    return client.post(
        "/v1/predictions",
        content=content,
        params=params,
        headers={
            "Content-Type": "application/octet-stream",
            "Content-Disposition": f'attachment; filename="{name}"',
            **headers,
        },
    )


def upload_form(client: httpx.Client, files: Sequence[tuple[str, bytes]]) -> httpx.Response:
    return client.post("/v1/predictions", files=[("film", file) for file in files])


def assert_problem(response: httpx.Response, status: int, kind: str) -> dict:
    """The one error shape (RFC 9457, section 3.1)."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["type"] == f"urn:chexnet:problem:{kind}"
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]
    return problem


@pytest.mark.parametrize("media_type", ["image/png", "application/octet-stream", "application/dicom"])
def test_a_film_as_body_gives_what_the_library_says(
    service: httpx.Client, varied_model: Path, png: bytes, media_type: str
) -> None:
    response = upload(service, png, **{"Content-Type": media_type})
    assert response.status_code == 201
    answer = response.json()
    expected = load(varied_model).predict(read_radiograph(png, name="chest.png")).to_dict()
    for finding, other in zip(answer["findings"], expected["findings"], strict=True):
        assert finding.pop("display") == display_name(finding["finding"])
        assert isinstance(finding.pop("codes"), list)
        # A batch of another size may round differently in the last bits of a float32.
        assert finding.pop("probability") == pytest.approx(other.pop("probability"), abs=1e-5)
        assert finding.pop("score") == pytest.approx(other.pop("score"), abs=1e-4)
    assert {key: answer[key] for key in expected} == expected
    assert set(answer) == {*expected, "id", "links", "radiograph", *ADDED}
    assert answer["input_sha256"] == hashlib.sha256(png).hexdigest()
    assert abs(datetime.fromisoformat(answer["time"]) - datetime.now(UTC)) < timedelta(minutes=5)
    assert answer["software"] == f"chexnet {__version__}"
    assert answer["maps"] is answer["contours"] is None
    assert response.headers["location"] == answer["links"]["self"] == f"/v1/predictions/{answer['id']}"


def test_a_dicom_film_says_what_its_file_says_but_not_who_it_is(service: httpx.Client, dicom: bytes) -> None:
    facts = upload(service, dicom, "film.dcm").json()["radiograph"]
    header = pydicom.dcmread(io.BytesIO(dicom))
    assert facts["file_format"] == "DICOM"
    assert (facts["width"], facts["height"]) == (header.Columns, header.Rows)
    assert facts["modality"] == header.Modality
    assert facts["view_position"] == header.ViewPosition
    assert facts["identifiers"] is None


def _named(dicom: bytes) -> bytes:
    dataset = pydicom.dcmread(io.BytesIO(dicom))
    dataset.PatientName, dataset.PatientID, dataset.AccessionNumber = "Doe^Jane", "PID-SECRET", "ACC-SECRET"
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    return buffer.getvalue()


def test_no_identity_leaves_the_service_unless_asked_for(
    service: httpx.Client, serving: Serving, classifier: Classifier, dicom: bytes
) -> None:
    film = _named(dicom)
    uid = str(pydicom.dcmread(io.BytesIO(film)).SOPInstanceUID)
    by_default = upload(service, film, "film.dcm").text
    assert not re.search(f"Doe|SECRET|{re.escape(uid)}", by_default)
    with serving(classifier, ServiceConfig(identifiers=True)) as client:
        identifiers = upload(client, film, "film.dcm").json()["radiograph"]["identifiers"]
    assert (identifiers["patient_id"], identifiers["accession_number"]) == ("PID-SECRET", "ACC-SECRET")
    assert identifiers["sop_instance_uid"] == uid


def test_a_result_is_the_same_when_asked_for_again(service: httpx.Client, png: bytes) -> None:
    answer = upload(service, png).json()
    assert service.get(answer["links"]["self"]).json() == answer


def test_a_deleted_result_is_gone_with_its_pictures(service: httpx.Client, png: bytes) -> None:
    links = upload(service, png).json()["links"]
    assert service.delete(links["self"]).status_code == 204
    for link in (links["self"], links["film"], links["film_raw"], links["maps"], links["map"]["Mass"]):
        assert_problem(service.get(link), 404, "unknown-prediction")
    assert_problem(service.delete(links["self"]), 404, "unknown-prediction")


def test_a_form_is_answered_in_its_order_whatever_each_file_is(
    service: httpx.Client, png: bytes, dicom: bytes
) -> None:
    files = [("a.png", png), ("b.pdf", b"%PDF-1.7"), ("c.dcm", dicom), ("d.png", png[:5000])]
    response = upload_form(service, files)
    assert response.status_code == 201
    results = response.json()["predictions"]
    assert [result["image"] for result in results] == [name for name, _ in files]
    assert [result["status"] for result in results] == ["ok", "error", "ok", "error"]
    assert "a PDF" in results[1]["reason"]
    assert "truncated PNG" in results[3]["reason"]
    assert results[1]["id"] is results[1]["links"] is results[1]["radiograph"] is None


def test_a_damaged_film_is_a_422_that_says_why(service: httpx.Client, png: bytes) -> None:
    problem = assert_problem(upload(service, png[:5000], "half.png"), 422, "unreadable")
    assert "truncated PNG" in problem["detail"]
    assert problem["prediction"]["status"] == "error"
    assert problem["prediction"]["image"] == "half.png"


def test_a_form_without_any_readable_film_is_a_422(service: httpx.Client) -> None:
    problem = assert_problem(upload_form(service, [("a", b"x"), ("b", b"y")]), 422, "unreadable")
    assert [result["status"] for result in problem["predictions"]] == ["error", "error"]


def test_a_refusal_is_a_result_with_the_reason_and_the_image_but_no_findings(
    gated: httpx.Client, negative: bytes
) -> None:
    answer = upload(gated, negative)
    assert answer.status_code == 201
    refused = answer.json()
    assert answer.headers["location"] == refused["links"]["self"]
    assert (refused["status"], refused["findings"]) == ("refused", [])
    assert refused["reason"] == f"{GATE_CLASSES['inverted']}; {EXPECTED}"
    assert gated.get(refused["links"]["self"]).json() == refused
    assert gated.get(refused["links"]["film"]).headers["content-type"] == "image/png"
    assert refused["links"]["maps"] is None
    assert_problem(gated.get(f"{refused['links']['self']}/maps"), 404, "no-maps")
    assert_problem(gated.get(f"{refused['links']['self']}/maps/Mass.png"), 404, "unknown-finding")


def test_a_refused_film_does_not_take_the_films_of_its_batch_with_it(
    gated: httpx.Client, png: bytes, negative: bytes
) -> None:
    films = [png, negative, png, png, negative]
    results = upload_form(gated, [(f"{n}.png", film) for n, film in enumerate(films)]).json()["predictions"]
    assert [result["status"] for result in results] == ["ok", "refused", "ok", "ok", "refused"]


def test_a_service_without_the_gate_reads_everything_and_says_so(
    gated_model: Path, serving: Serving, negative: bytes
) -> None:
    with serving(load(gated_model), ServiceConfig(gate=False)) as client:
        result = upload(client, negative).json()
    assert result["status"] == "ok"
    assert f"{NOT_CHECKED}: the gate is off" in result["notes"]


def test_the_film_comes_back_as_it_was_read(service: httpx.Client, png: bytes) -> None:
    links = upload(service, png).json()["links"]
    film = read_radiograph(png).pixels
    grey = np.asarray(Image.open(io.BytesIO(service.get(links["film"]).content)))
    assert np.array_equal(grey, np.rint(film * 255))
    deep = np.asarray(Image.open(io.BytesIO(service.get(links["film"], params={"bits": 16}).content)))
    assert np.abs(deep / 65535 - film).max() <= 0.5 / 65535 + 1e-6


def test_raw_grey_values_have_the_depth_that_the_film_needs(
    service: httpx.Client, png: bytes, dicom: bytes
) -> None:
    for content, bits in ((png, 8), (dicom, 16)):
        result = upload(service, content).json()
        raw = service.get(result["links"]["film_raw"])
        width, height = int(raw.headers["film-width"]), int(raw.headers["film-height"])
        assert int(raw.headers["film-bits"]) == result["radiograph"]["bits"] == bits
        grey = np.frombuffer(raw.content, np.uint8 if bits == 8 else "<u2").reshape(height, width)
        film = read_radiograph(content).pixels
        # Half a step of the depth, and float32's rounding.
        assert np.abs(grey / (2.0**bits - 1) - film).max() <= 0.5 / (2**bits - 1) + 1e-6


def test_films_are_scaled_down_but_never_up(service: httpx.Client, dicom: bytes) -> None:
    links = upload(service, dicom).json()["links"]
    small = Image.open(io.BytesIO(service.get(links["film"], params={"longest_side": 200}).content))
    assert max(small.size) == 200
    large = Image.open(io.BytesIO(service.get(links["film"], params={"longest_side": 20000}).content))
    assert large.size == Image.open(io.BytesIO(service.get(links["film"]).content)).size


def test_maps_as_numbers_are_those_of_the_library(
    service: httpx.Client, varied_model: Path, png: bytes
) -> None:
    answer = upload(service, png).json()
    maps = service.get(answer["links"]["maps"]).json()
    prediction = load(varied_model).predict(png)
    for finding in prediction.findings:
        layers = maps["maps"][finding.finding]
        assert np.allclose(layers["map"], prediction.map_of(finding.finding), atol=1e-3)
        assert np.allclose(layers["evidence"], prediction.evidence_of(finding.finding), atol=1e-3)
        assert np.shape(layers["map"]) == (maps["rows"], maps["columns"])
        assert layers["full_scale"] >= 1


def test_a_map_picture_is_orange_for_and_blue_against(service: httpx.Client, png: bytes) -> None:
    answer = upload(service, png).json()
    maps = service.get(answer["links"]["maps"]).json()["maps"]
    colours = set()
    for finding, link in answer["links"]["map"].items():
        picture = np.asarray(Image.open(io.BytesIO(service.get(link).content)))
        evidence = np.array(maps[finding]["evidence"])
        rows, columns = evidence.shape
        for (row, column), value in np.ndenumerate(evidence):
            # The centre of the grid's cell, where interpolation does not mix in its neighbours.
            y = int((row + 0.5) * picture.shape[0] / rows)
            x = int((column + 0.5) * picture.shape[1] / columns)
            if picture[y, x, 3] > 30:
                assert tuple(picture[y, x, :3]) == (FOR if value > 0 else AGAINST)
                colours.add(value > 0)
    assert colours == {True, False}


def test_an_overlay_is_the_picture_that_predict_draws(
    service: httpx.Client, varied_model: Path, png: bytes
) -> None:
    answer = upload(service, png).json()
    shown = np.asarray(
        Image.open(io.BytesIO(service.get(answer["links"]["overlay"][PRESENT]).content)), np.int16
    )
    film = read_radiograph(png, name="chest.png")
    drawn = np.asarray(overlay(film, load(varied_model).predict(film), PRESENT).picture, np.int16)
    # One grey level where batches round differently.
    assert np.abs(shown - drawn).max() <= 1


def test_the_card_says_what_is_validated_and_why_the_rest_is_not(service: httpx.Client) -> None:
    card = service.get("/v1/model").json()
    findings = {finding["finding"]: finding for finding in card["findings"]}
    assert findings[PRESENT]["validated"]
    assert findings[PRESENT]["reason"] is None
    assert findings[ABSENT]["threshold"] == pytest.approx(1, abs=1e-5)
    assert findings[UNVALIDATED]["threshold"] is None
    assert (
        "AUROC 0.52 (0.40–0.63) does not show it to be better than chance" in findings[UNVALIDATED]["reason"]
    )
    assert "cannot be estimated, 0 of 160 test images have it" in findings[UNTESTED]["reason"]
    assert findings[PRESENT]["calibration_test"]["before"]["ece"] == 0.123
    assert findings[PRESENT]["calibration_test"]["after"]["count"] == [100, 100]
    assert findings[UNVALIDATED]["calibration_test"] is None
    assert "not for diagnosis" in card["notice"]
    assert re.fullmatch("[0-9a-f]{64}", card["sha256"])


def test_a_finding_with_too_few_validation_films_is_said_to_have_them() -> None:
    few = FindingMetadata("Fibrosis", 0.0, auroc=Estimate(0.76, 0.66, 0.84), positives=16, negatives=250)
    assert why_not_validated(few) == (
        "Too few to tell: too few validation images have it for a threshold; AUROC 0.76 (0.66–0.84), "
        "16 of 266 test images have it."
    )


@pytest.mark.parametrize(
    ("method", "path", "status", "kind"),
    [
        ("GET", "/v1/predictions/short", 422, "invalid-request"),
        ("GET", "/v1/predictions/" + "A" * 22, 404, "unknown-prediction"),
        ("GET", "/v1/predictions/" + "A" * 22 + "/maps/Mass.png", 404, "unknown-prediction"),
        ("GET", "/v1/predictions/" + "A" * 22 + "/film.png?bits=12", 422, "invalid-request"),
        ("GET", "/v1/predictions/" + "A" * 22 + "/film.png?longest_side=0", 422, "invalid-request"),
        ("GET", "/v1/nothing", 404, "not-found"),
        ("GET", "/static/../../classifier/chexnet.onnx", 404, "not-found"),
        ("GET", "/static/%2e%2e/app.py", 404, "not-found"),
        ("GET", "/static/..%2fapp.py", 404, "not-found"),
        ("GET", "/docs", 404, "not-found"),
        ("PUT", "/v1/predictions", 405, "method-not-allowed"),
        ("POST", "/v1/model", 405, "method-not-allowed"),
    ],
)
def test_every_error_has_one_shape(
    service: httpx.Client, method: str, path: str, status: int, kind: str
) -> None:
    assert_problem(service.request(method, path), status, kind)


def test_a_body_of_another_type_is_a_415_that_lists_the_accepted_ones(
    service: httpx.Client, png: bytes
) -> None:
    response = upload(service, png, **{"Content-Type": "text/html"})
    assert_problem(response, 415, "unsupported-media-type")
    assert "image/png" in response.headers["accept-post"]


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (b"no form", "multipart/form-data; boundary=x"),
        (b"no form", "multipart/form-data"),
        (b"--x\r\nContent-Disposition: form-data\r\n\r\na\r\n--x--\r\n", "multipart/form-data; boundary=x"),
        (
            b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\na\r\n--x--\r\n',
            "multipart/form-data; boundary=x",
        ),
        (b"", "multipart/form-data; boundary=x"),
    ],
)
def test_a_broken_form_is_a_400(service: httpx.Client, content: bytes, content_type: str) -> None:
    response = service.post("/v1/predictions", content=content, headers={"Content-Type": content_type})
    assert_problem(response, 400, "bad-form")


def test_a_form_with_too_many_files_is_a_400(service: httpx.Client) -> None:
    count = Limits().films_per_request + 1
    problem = assert_problem(upload_form(service, [("a", b"x")] * count), 400, "bad-form")
    assert "Too many files" in problem["detail"]


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_beyond_the_limit_is_a_413_that_the_client_gets_to_see(
    serving: Serving, classifier: Classifier, chunked: bool
) -> None:
    content = bytes(8 * 2**20)
    with serving(classifier, ServiceConfig(limits=Limits(upload_mb=1))) as client:
        body = iter([content[: 2**20]] * 8) if chunked else content
        response = client.post("/v1/predictions", content=body, headers={"Content-Type": "image/png"})
        assert_problem(response, 413, "too-large")
        assert client.get("/healthz").status_code == 200


def test_a_film_beyond_the_size_limit_is_not_decoded(
    serving: Serving, classifier: Classifier, dicom: bytes
) -> None:
    film = Image.fromarray(np.zeros((1100, 1000), np.uint8))
    png, jpeg = io.BytesIO(), io.BytesIO()
    film.save(png, "PNG")
    film.save(jpeg, "JPEG")
    with serving(classifier, ServiceConfig(limits=Limits(megapixels=1))) as client:
        for content in (png.getvalue(), jpeg.getvalue(), _enlarged(dicom)):
            problem = assert_problem(upload(client, content), 422, "unreadable")
            assert "1.1 megapixels; this service reads at most 1" in problem["detail"]


def _enlarged(dicom: bytes) -> bytes:
    dataset = pydicom.dcmread(io.BytesIO(dicom))
    dataset.Rows, dataset.Columns = 1100, 1000
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    return buffer.getvalue()


def test_metrics_count_films_without_naming_them(service: httpx.Client, png: bytes) -> None:
    def films_read() -> int:
        return int(
            re.search(r'^chexnet_films_total\{status="ok"\} (\d+)\.0$', service.get("/metrics").text, re.M)[1]
        )

    upload(service, png)
    before = films_read()
    id_ = upload(service, png, "secret-name.png").json()["id"]
    assert films_read() == before + 1
    text = service.get("/metrics").text
    assert "secret" not in text
    assert id_ not in text
    assert 'chexnet_requests_total{method="POST",route="/v1/predictions",status="201"}' in text


def test_limits_are_positive() -> None:
    for entry in fields(Limits):
        with pytest.raises(ValueError, match=f"{entry.name} is 0"):
            Limits(**{entry.name: 0})


def test_kept_films_are_on_disk_whole_and_named_by_id(
    serving: Serving, classifier: Classifier, png: bytes, tmp_path: Path
) -> None:
    folder = tmp_path / "kept"
    folder.mkdir()
    (folder / f"crashed.json{UNFINISHED}").write_text("{")
    with serving(classifier, ServiceConfig(keep=folder)) as client:
        result = upload(client, png, "../../../evil.png").json()
        assert_problem(upload(client, b"nothing"), 422, "unreadable")
    assert {path.name for path in folder.iterdir()} == {f"{result['id']}.png", f"{result['id']}.json"}
    assert (folder / f"{result['id']}.png").read_bytes() == png
    assert json.loads((folder / f"{result['id']}.json").read_text()) == result
    assert all(path.stat().st_mode & 0o077 == 0 for path in folder.iterdir())


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        (r"C:\films\a.png", "a.png"),
        ("a\u202egnp.exe", "a\N{REPLACEMENT CHARACTER}gnp.exe"),
        ("<img src=x onerror=alert(1)>.png", "<img src=x onerror=alert(1)>.png"),
        ("x" * 1000, "x" * 200),
        ("", "image"),
        ("/", "image"),
    ],
)
def test_a_name_is_shown_without_its_path_and_never_used_as_one(
    service: httpx.Client, png: bytes, sent: str, shown: str
) -> None:
    (result,) = (
        upload_form(service, [(sent, png)]).json()["predictions"]
        if sent
        else [upload(service, png, sent).json()]
    )
    assert result["image"] == shown


@pytest.mark.parametrize(
    ("disposition", "shown"),
    [
        (b'attachment; filename="thorax.png"', "thorax.png"),
        (b"attachment; filename=thorax.png; size=3", "thorax.png"),
        (b'attachment; FileName="a \\"quoted\\" name.png"', 'a "quoted" name.png'),
        ('attachment; filename="Röntgen.png"'.encode(), "Röntgen.png"),
        ('attachment; filename="Röntgen.png"'.encode("latin-1"), "Röntgen.png"),
        (b"attachment; filename=\"plain.png\"; filename*=UTF-8''R%C3%B6ntgen.png", "Röntgen.png"),
        (b"attachment; filename*=UTF-8''%ff%00.png", "\N{REPLACEMENT CHARACTER}" * 2 + ".png"),
        # Python's own parser fails on these.
        (b"attachment; filename*=bogus'x'%ff; filename*0=a; filename*1*=b''c", "image"),
        (b"attachment; filename*0=a; filename*x*=b; filename*=c", "image"),
        (b'attachment; filename="never closed', '"never'),
        (b"; ;=;filename", "image"),
        (b"attachment", "image"),
    ],
)
def test_the_name_of_a_raw_film_is_read_from_any_header(
    service: httpx.Client, png: bytes, disposition: bytes, shown: str
) -> None:
    headers = {b"Content-Type": b"image/png", b"Content-Disposition": disposition}
    response = service.post("/v1/predictions", content=png, headers=headers)
    assert response.status_code == 201, response.text
    assert response.json()["image"] == shown


ADDED = ("input_sha256", "time", "software", "maps", "contours")


def test_findings_carry_codes_with_how_they_were_checked(service: httpx.Client, png: bytes) -> None:
    findings = {entry["finding"]: entry for entry in upload(service, png).json()["findings"]}
    for name, finding in FINDINGS.items():
        known = [code for code in (finding.code, finding.radlex) if code is not None]
        assert [(code["value"], code["scheme"]) for code in findings[name]["codes"]] == [
            (code.value, code.scheme) for code in known
        ]
        assert all(code["status"] for code in findings[name]["codes"])
    assert findings["Pleural_Thickening"]["codes"] == []


def test_a_request_may_choose_policy_gate_and_what_the_answer_holds(
    gated: httpx.Client, gated_model: Path, png: bytes, negative: bytes
) -> None:
    for policy in load(gated_model).policies:
        answer = upload(gated, png, params={"policy": policy}).json()
        expected = load(gated_model, policy=policy).predict(png)
        assert {entry["finding"]: entry["threshold"] for entry in answer["findings"]} == {
            entry.finding: entry.threshold for entry in expected.findings
        }
        assert {entry["policy"] for entry in answer["findings"]} <= {policy, None}
    problem = assert_problem(upload(gated, png, params={"policy": "bold"}), 422, "unknown-policy")
    assert load(gated_model).policy in problem["detail"]
    passed = upload(gated, negative, params={"gate": "false"}).json()
    assert passed["status"] == "ok"
    # The next request has the service's own choice again.
    assert upload(gated, negative).json()["status"] == "refused"


def test_maps_and_contours_come_with_the_answer_where_asked_for(service: httpx.Client, png: bytes) -> None:
    answer = upload(service, png, params={"include": "maps,contours"}).json()
    assert answer["maps"] == service.get(answer["links"]["maps"]).json()
    called = {entry["finding"] for entry in answer["findings"] if entry["present"]}
    assert set(answer["contours"]) == called == {PRESENT}
    for x, y in answer["contours"][PRESENT][0]:
        assert 0 <= x <= answer["radiograph"]["width"]
        assert 0 <= y <= answer["radiograph"]["height"]
    again = service.get(answer["links"]["self"], params={"include": "contours"}).json()
    assert (again["contours"], again["maps"]) == (answer["contours"], None)
    assert_problem(upload(service, png, params={"include": "everything"}), 422, "invalid-request")


def test_the_window_of_a_dicom_file_may_be_chosen(service: httpx.Client, dicom: bytes) -> None:
    dataset = pydicom.dcmread(io.BytesIO(dicom))
    low, high = int(dataset.pixel_array.min()), int(dataset.pixel_array.max())
    if "VOILUTSequence" in dataset:
        del dataset.VOILUTSequence
    dataset.WindowCenter = [(low + high) / 2, low + (high - low) / 8]
    dataset.WindowWidth = [high - low, (high - low) / 4]
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    for window in (0, 1):
        answer = upload(service, buffer.getvalue(), params={"window": window, "gate": "false"}).json()
        assert "links" in answer, answer
        raw = service.get(answer["links"]["film_raw"]).content
        pixels = read_radiograph(buffer.getvalue(), window=window).pixels
        kind = "<u2" if answer["radiograph"]["bits"] == 16 else np.uint8
        grey = np.frombuffer(raw, kind).reshape(pixels.shape) / (2.0 ** answer["radiograph"]["bits"] - 1)
        assert np.abs(grey - pixels).max() < 0.01
    assert_problem(upload(service, buffer.getvalue(), params={"window": -1}), 422, "invalid-request")


def test_results_are_looked_up_by_the_hash_of_the_file(service: httpx.Client, png: bytes) -> None:
    content = png + b"\0" * 7
    ids = [upload(service, content).json()["id"] for _ in range(2)]
    hash_ = hashlib.sha256(content).hexdigest()
    found = service.get("/v1/predictions", params={"sha256": hash_}).json()["predictions"]
    assert [result["id"] for result in found] == ids[::-1]
    assert service.get("/v1/predictions", params={"sha256": "0" * 64}).json() == {"predictions": []}
    assert_problem(service.get("/v1/predictions"), 422, "nothing-to-look-up")


def test_results_are_looked_up_by_instance_only_where_identifiers_are_shown(
    service: httpx.Client, serving: Serving, classifier: Classifier, dicom: bytes
) -> None:
    uid = str(pydicom.dcmread(io.BytesIO(dicom)).SOPInstanceUID)
    query = {"sop_instance_uid": uid}
    assert_problem(service.get("/v1/predictions", params=query), 403, "identifiers-hidden")
    with serving(classifier, ServiceConfig(identifiers=True)) as client:
        id_ = upload(client, dicom).json()["id"]
        assert [each["id"] for each in client.get("/v1/predictions", params=query).json()["predictions"]] == [
            id_
        ]


@pytest.mark.parametrize("path", ["/", "/healthz", "/v1/model", "/metrics", "/openapi.json", "/readyz"])
def test_head_is_answered_like_get_without_the_body(service: httpx.Client, path: str) -> None:
    got, head = service.get(path), service.head(path)
    assert head.status_code == got.status_code == 200
    assert head.content == b""
    assert head.headers["content-type"] == got.headers["content-type"]


def test_a_service_is_ready_while_more_images_may_wait(service: httpx.Client) -> None:
    assert service.get("/readyz").json() == {"status": "ready", "waiting": 0, "room": Limits().queue}
