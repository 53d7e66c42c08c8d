"""Base systems of trixie: the native engine against mmdebstrap and debootstrap, from one mirror on the disk."""

import contextlib
import json
import os
import subprocess

from measure import ENVIRONMENT, Candidate, alternate, executable, show

BOOTSTRAP = executable("garboard-bootstrap")
SUITE = "trixie"
# The packages of the largest set are those of all others, but for buildd.
COPIED = ["standard", "buildd"]
EPOCH = dict(ENVIRONMENT, SOURCE_DATE_EPOCH="1790000000")


def bootstrap(work, rounds):
    """All work and all results are in memory; the mirror is on the disk, and soon in its cache."""
    mirror = copy_mirror(work)
    memory = os.path.join(work, "memory")
    with tmpfs(memory):
        for variant in ("minbase", "essential", "important", "buildd", "standard"):
            tars(memory, mirror, variant, rounds if variant == "minbase" else max(1, rounds - 1))
        images(memory, mirror, rounds)
        extracted(memory, mirror, rounds)


@contextlib.contextmanager
def tmpfs(folder):
    os.makedirs(folder)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=10g", "tmpfs", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-R", "-l", folder], check=True)


# --- The mirror


def simulated(work, variant, *mirrors):
    """The packages of a variant, as a plan names them."""
    told = subprocess.run(
        [BOOTSTRAP, "--quiet", "--simulate", "--json", "--variant", variant, "--cache", os.path.join(work, "cache"),
         SUITE, "none", *mirrors], env=EPOCH, capture_output=True, check=True)
    return json.loads(told.stdout)["packages"]


def copy_mirror(work):
    """What the machine's mirror has of the main archive, with its own signature, and the packages needed."""
    mirror = os.path.join(work, "mirror")
    # The suite alone, without its updates: debootstrap knows no more.
    packages = simulated(work, "essential")
    host = next(one["mirror"] for one in packages if one["suite"] == SUITE)
    wanted = {}
    for variant in COPIED:
        for one in simulated(work, variant, f"deb {host} {SUITE} main"):
            wanted[one["filename"]] = one["size"]
    files = [f"dists/{SUITE}/InRelease", f"dists/{SUITE}/main/binary-amd64/Packages.xz", *sorted(wanted)]
    settings = os.path.join(work, "files")
    with open(settings, "w") as file:
        for name in files:
            file.write(f'url = "{host.rstrip("/")}/{name}"\noutput = "{os.path.join(mirror, name)}"\n')
    subprocess.run(
        ["curl", "--fail", "--silent", "--show-error", "--create-dirs", "--retry", "3", "--config", settings],
        env=ENVIRONMENT, check=True)
    print(f"mirror: {len(wanted)} packages, {sum(wanted.values()):,} bytes", flush=True)
    subprocess.run(["chmod", "-R", "a+rX", work], check=True)
    return f"deb file://{mirror} {SUITE} main"


# --- Benchmarks


def ours(work, mirror, variant, output, *options, name="native", without=None):
    """`without`: what the cache lacks: its folder `data`, so that all packages have to be decompressed, or everything
    ("."), so that the index of the mirror has to be read, too."""
    cache = os.path.join(work, {None: "warm", ".": "cold"}.get(without, without))
    command = [BOOTSTRAP, "--quiet", "--variant", variant, "--cache", cache, *options, SUITE, output, mirror]
    gone = [os.path.normpath(os.path.join(cache, without))] if without else []
    return Candidate(name, command, made=[output] + gone)


def theirs(mirror, variant, output, *options):
    hooks = "/usr/share/mmdebstrap/hooks/file-mirror-automount"
    return [
        "mmdebstrap", "--quiet", "--mode=root", "--variant=" + variant, "--hook-dir=" + hooks, *options, SUITE, output,
        mirror]


def tars(work, mirror, variant, rounds):
    print(f"\n{variant}, to a tar", flush=True)
    output = os.path.join(work, "root.tar")
    baseline = Candidate("mmdebstrap", theirs(mirror, variant, output), made=[output])
    candidates = [
        ours(work, mirror, variant, output), baseline,
        ours(work, mirror, variant, output, name="native, first use", without="data")]
    if variant == "minbase":
        candidates.append(ours(work, mirror, variant, output, name="native, no cache", without="."))
        folder = os.path.join(work, "root")
        script = '''set -e
            debootstrap --variant=minbase "$1" "$2" "$3" >/dev/null
            tar -C "$2" --sort=name --numeric-owner --one-file-system -cf "$4" .'''
        uri = mirror.split()[1]
        candidates.append(Candidate(
            "debootstrap, tar", ["sh", "-c", script, "sh", SUITE, folder, uri, output], made=[folder, output]))
    measured(work, candidates, baseline, rounds)


def images(work, mirror, rounds):
    print("\nminbase, to an image", flush=True)
    output = os.path.join(work, "image.oci.tar")
    storage = os.path.join(work, "podman")
    make = " ".join(f"'{word}'" for word in theirs(mirror, "minbase", "-"))
    script = f'''umount /sys/fs/cgroup/unified 2>/dev/null
        {make} | podman --root "$1" --runroot "$1-run" import --quiet - bench:1'''
    baseline = Candidate(
        "mmdebstrap | podman import", ["unshare", "-m", "sh", "-c", script, "sh", storage],
        made=[storage, storage + "-run"])
    candidates = [
        ours(work, mirror, "minbase", output, name="native, gzip"), baseline,
        ours(work, mirror, "minbase", output, "--compression", "zstd", name="native, zstd")]
    measured(work, candidates, baseline, rounds)


def extracted(work, mirror, rounds):
    print("\nextract: the packages of minbase, to a tar", flush=True)
    names = ",".join(one["name"] for one in simulated(work, "minbase", mirror))
    output = os.path.join(work, "root.tar")
    # Its hook for file: mirrors fails with this variant, which has no hooks after the installation.
    command = [
        "mmdebstrap", "--quiet", "--mode=root", "--variant=extract", "--include=" + names, SUITE, output,
        mirror.replace("file:", "copy:")]
    baseline = Candidate("mmdebstrap", command, made=[output])
    include = ("--include", names)
    candidates = [
        ours(work, mirror, "extract", output, *include), baseline,
        ours(work, mirror, "extract", output, *include, name="native, first use", without="data")]
    measured(work, candidates, baseline, rounds)


def measured(work, candidates, baseline, rounds):
    # Ours keeps the parsed index and decompressed packages; the mirror was just written, and mmdebstrap keeps nothing.
    for one in candidates:
        if one.name.startswith("native"):
            one.run(work)
            one.wall, one.cpu, one.peak = [], [], []
    alternate(candidates, work, rounds)
    show(candidates, baseline, candidates[0].output)
