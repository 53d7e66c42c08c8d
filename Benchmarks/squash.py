"""Squashing: against umoci and buildah, and how it grows with bytes, entries and layers."""

import gzip
import hashlib
import io
import json
import os
import random
import subprocess
import tarfile

import layered_image
from measure import ENVIRONMENT, Candidate, alternate, executable, show

SQUASH = executable("garboard-squash")


def squash(work, megabytes, rounds):
    """All layers of an image into one, which is written to the disk."""
    layout = os.path.join(work, "layered")
    layered_image.build(work, layout, megabytes)
    size = describe(layout)
    baseline = umoci(work, layout)
    candidates = [ours(work, layout, "gzip"), baseline]
    candidates += [ours(work, layout, compression) for compression in ("gzip:6", "zstd", "zstd:1", "none")]
    candidates.append(buildah(work, layout))
    alternate(candidates, work, rounds)
    show(candidates, baseline, size)
    subprocess.run(["rm", "-rf", layout], check=True)


def ours(work, layout, compression):
    output = os.path.join(work, "squashed.oci.tar")
    return Candidate(
        "garboard-squash " + compression,
        [SQUASH, "--quiet", "--compression", compression, f"oci:{layout}:image", "-o", output], made=[output])


def umoci(work, layout):
    """Unpacks the image, moves its tree into an empty one's bundle, and repacks that."""
    first, second, result = (os.path.join(work, name) for name in ("bundle", "empty", "repacked"))
    script = '''set -e
        umoci unpack --image "$1:image" "$2"
        umoci init --layout "$4"; umoci new --image "$4:1"
        umoci unpack --image "$4:1" "$3"; rm -rf "$3/rootfs"; mv "$2/rootfs" "$3/rootfs"
        umoci repack --image "$4:1" "$3"'''
    return Candidate(
        "umoci unpack, repack", ["sh", "-c", script, "sh", layout, first, second, result],
        prepare=lambda: subprocess.run(["rm", "-rf", first, second], check=True), made=[result])


def buildah(work, layout):
    """The result is in buildah's storage, and not compressed."""
    storage = os.path.join(work, "squash-storage")
    script = '''set -e
        b="buildah --root $2 --runroot $2-run --storage-driver overlay"
        c=$($b from "oci:$1:image"); $b commit --quiet --squash "$c" squashed
        umount -R "$2/overlay" 2>/dev/null || true'''
    return Candidate(
        "buildah commit --squash", ["sh", "-c", script, "sh", layout, storage], made=[storage, storage + "-run"])


def describe(layout):
    """Prints what the image holds; gives the uncompressed bytes of its layers."""
    told = json.loads(subprocess.run(
        [executable("garboard-report"), "--json", f"oci:{layout}:image"], env=ENVIRONMENT, capture_output=True,
        check=True).stdout)
    layers = told["images"][0]["layers"]
    size = sum(layer["uncompressedSize"] for layer in layers)
    print(
        f"input: {len(layers)} layers, {size:,} bytes, {sum(layer['size'] for layer in layers):,} compressed, "
        f"{sum(layer['entries'] for layer in layers):,} entries", flush=True)
    return size


def growth(work, rounds):
    """One thing grows at a time: entries, layers, bytes. The layers are in order, a tenth of the files of each
    are of the layer before."""
    print(f"{'entries':>10}{'layers':>8}{'MB':>8}{'wall s':>9}{'CPU s':>9}{'us/entry':>10}{'MB/s':>8}{'peak MiB':>10}")
    shapes = [(count, 10, 300) for count in (1_000, 10_000, 100_000, 1_000_000)]
    shapes += [(100_000, layers, 300) for layers in (1, 30, 33, 120)]
    shapes += [(1_000, 10, size) for size in (100_000, 400_000, 1_600_000)]
    for entries, layers, size in shapes:
        layout = os.path.join(work, "growth")
        total = plain_image(layout, entries, layers, size)
        one = ours(work, layout, "zstd")
        alternate([one], work, 1 if entries > 100_000 else rounds)
        wall, cpu = sorted(one.wall)[len(one.wall) // 2], sorted(one.cpu)[len(one.cpu) // 2]
        print(
            f"{entries:>10,}{layers:>8}{total / 1e6:>8.0f}{wall:>9.2f}{cpu:>9.2f}{1e6 * cpu / entries:>10.1f}"
            f"{total / 1e6 / wall:>8.0f}{max(one.peak):>10.0f}", flush=True)
        subprocess.run(["rm", "-rf", layout], check=True)


def plain_image(layout, entries, layers, size):
    """An OCI layout of layers with small files in order; gives the bytes of their tars."""
    blobs = os.path.join(layout, "blobs", "sha256")
    os.makedirs(blobs)
    noise = random.Random(1).randbytes(size)
    total, described, diff_ids = 0, [], []

    def blob(content):
        digest = hashlib.sha256(content).hexdigest()
        with open(os.path.join(blobs, digest), "wb") as file:
            file.write(content)
        return {"digest": "sha256:" + digest, "size": len(content)}

    each = entries // layers
    for layer in range(layers):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
            first = max(0, layer * each - each // 10)
            for number in range(first, first + each):
                if number % 100 == 0 or number == first:
                    member = tarfile.TarInfo(f"d{number // 100:06}")
                    member.type, member.mode = tarfile.DIRTYPE, 0o755
                    tar.addfile(member)
                member = tarfile.TarInfo(f"d{number // 100:06}/f{number:08}")
                member.size = size
                tar.addfile(member, io.BytesIO(noise))
        content = buffer.getvalue()
        total += len(content)
        diff_ids.append("sha256:" + hashlib.sha256(content).hexdigest())
        described.append({
            "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
            **blob(gzip.compress(content, 1, mtime=0))})
    config = {
        "architecture": "amd64", "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": diff_ids}}
    manifest = {
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json", **blob(json.dumps(config).encode())},
        "layers": described}
    index = {
        "schemaVersion": 2, "manifests": [{
            "mediaType": "application/vnd.oci.image.manifest.v1+json", **blob(json.dumps(manifest).encode()),
            "annotations": {"org.opencontainers.image.ref.name": "image"}}]}
    with open(os.path.join(layout, "index.json"), "w") as file:
        json.dump(index, file)
    with open(os.path.join(layout, "oci-layout"), "w") as file:
        json.dump({"imageLayoutVersion": "1.0.0"}, file)
    return total
