"""Lines of a metadata file: what is read, what is passed over, what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlloop.contract.metadata_csv import (
    MetadataError,
    MetadataLine,
    RefusedLine,
    count_lines,
    read_metadata,
)


def lines(tmp_path: Path, text: str | bytes) -> list[MetadataLine | RefusedLine]:
    path = tmp_path / "metadata.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return list(read_metadata(path))


def test_line_when_only_the_image_is_known_then_the_rest_is_empty(tmp_path: Path) -> None:
    (line,) = lines(tmp_path, "\ufeffimage,colour\r\na.png,red\r\n")
    assert isinstance(line, MetadataLine)
    assert (line.line, line.image, line.group, line.patient) == (2, "a.png", "covid", "")
    assert (line.view, line.day, dict(line.masks)) == ("", None, {})


def test_line_when_all_is_known_then_all_is_read(tmp_path: Path) -> None:
    text = (
        "image,source,patient_id,view,study_offset_days,finding,group,infection_mask,lung_mask,"
        'image_licence,mask_provenance\na.png,h,p1,AP,-3,"x, y",normal,m.png,l.png,CC,by hand\n'
    )
    (line,) = lines(tmp_path, text)
    assert line == MetadataLine(
        line=2,
        image="a.png",
        group="normal",
        patient="p1",
        view="AP",
        day=-3,
        finding="x, y",
        source="h",
        licence="CC",
        masks={"infection": "m.png", "lung": "l.png"},
        mask_origin="by hand",
    )


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("a.png,Covid,,,", "the column group says 'Covid'; allowed are covid, normal, other."),
        ("a.png,,pa,,", "the column view says 'pa'; allowed are PA, AP, lateral or nothing."),
        ("a.png,,,1.5,", "the column study_offset_days says '1.5'; allowed is a whole number"),
        ("a.png,,,--1,", "the column study_offset_days says '--1'"),
        (",covid,,,", "the column image is empty."),
        (f"a.png,,,,{'p' * 129}", "the column patient_id has 129 characters; 128 are allowed."),
        ("a.png,,,,p\x01", "the column patient_id holds a control character."),
        ("a.png,,,,p,q", "it has more values than the header has columns."),
    ],
)
def test_line_when_wrong_then_refused_with_the_reason(
    tmp_path: Path, row: str, reason: str
) -> None:
    header = "image,group,view,study_offset_days,patient_id\n"
    refused, good = lines(tmp_path, f"{header}{row}\nb.png,,,,\n")
    assert isinstance(refused, RefusedLine)
    assert refused.reason.startswith(f"Line 2: {reason}")
    assert isinstance(good, MetadataLine)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "has no column 'image'"),
        ("file\na.png\n", "has no column 'image'"),
        (b"image\n\xff\xfe\n", "is not UTF-8 text"),
        ('image\n"a.png\n', "unexpected end of data"),
    ],
)
def test_file_when_it_is_no_such_file_then_error(
    tmp_path: Path, text: str | bytes, sentence: str
) -> None:
    with pytest.raises(MetadataError, match=sentence):
        lines(tmp_path, text)


def test_count_when_lines_are_wrong_then_they_count_too(tmp_path: Path) -> None:
    lines(tmp_path, "image,group\na.png,flu\n\nb.png,covid\n")
    assert count_lines(tmp_path / "metadata.csv") == 2
