from app.cpus import available_cpus
from app.store import model_paths


def test_archives_and_directories_that_hold_one_are_models(tmp_path):
    (tmp_path / "reviews.tar.gz").write_bytes(b"")
    for name, member in [
        ("intents", "config.json"),
        ("topics", "model.tar.gz"),
        ("empty", None),
        (".versions", "config.json"),
    ]:
        (tmp_path / name).mkdir()
        if member:
            (tmp_path / name / member).write_bytes(b"")
    (tmp_path / "notes.txt").write_bytes(b"")
    (tmp_path / ".hidden.tar.gz").write_bytes(b"")
    (tmp_path / "odd name.tar.gz").write_bytes(b"")
    (tmp_path / "folder.tar.gz").mkdir()
    assert list(model_paths(tmp_path)) == ["intents", "reviews", "topics"]


def test_an_archive_goes_before_its_unpacked_namesake(tmp_path):
    (tmp_path / "reviews").mkdir()
    (tmp_path / "reviews" / "config.json").write_bytes(b"")
    (tmp_path / "reviews.tar.gz").write_bytes(b"")
    assert model_paths(tmp_path) == {"reviews": tmp_path / "reviews.tar.gz"}


def test_a_containers_quota_bounds_the_cores(tmp_path):
    quota = tmp_path / "cpu.max"
    whole = available_cpus(tmp_path / "missing")
    for text, expected in [("max 100000", whole), ("50000 100000", 1), ("100000000 100000", whole), ("junk", whole)]:
        quota.write_text(text)
        assert available_cpus(quota) == expected
