"""An image of ten layers, as long builds leave them: packages, upgrades, changed owners, removals."""

import contextlib
import os
import subprocess

# What each layer does: the share of the wanted bytes that it adds from further packages, or what it does to
# the files of an earlier layer. About two fifths of the bytes end as dead weight.
STEPS = (
    ("add", 0.22), ("add", 0.14), ("add", 0.12), ("rewrite", 1, 0.6), ("add", 0.12), ("remove", 2, 0.7),
    ("add", 0.10), ("rewrite", 0, 0.7), ("remove", 4, 0.5), ("own", 6, 0.6),
)


def packages():
    """The files of each installed package, by its name; no file twice."""
    names = subprocess.run(
        ["dpkg-query", "-W", "-f", "${binary:Package}\n"], capture_output=True, check=True).stdout.split()
    seen = set()
    for name in sorted(names):
        listed = subprocess.run(["dpkg", "-L", name], capture_output=True, check=True).stdout
        paths = []
        for line in listed.split(b"\n"):
            if not line.startswith(b"/") or line == b"/.":
                continue
            # /lib is a link to usr/lib: one name for each file.
            path = os.path.join(os.path.realpath(os.path.dirname(line)), os.path.basename(line))[1:]
            with contextlib.suppress(FileNotFoundError):
                status = os.lstat(b"/" + path)
                if path and path not in seen:
                    seen.add(path)
                    regular = (status.st_mode & 0o170000) == 0o100000
                    paths.append((path, status.st_size if regular else 0))
        yield paths


def copy(paths, folder):
    """Copies files of this machine into a folder."""
    pack = ["tar", "-C", "/", "--null", "--no-recursion", "--files-from=-", "-cf", "-"]
    unpack = ["tar", "-C", folder, "--same-owner", "--same-permissions", "-xf", "-"]
    with subprocess.Popen(unpack, stdin=subprocess.PIPE) as reader:
        subprocess.run(pack, input=b"\0".join(paths), stdout=reader.stdin, check=True)
        reader.stdin.close()
    if reader.returncode != 0:
        raise SystemExit("Benchmarks: files could not be copied")


def build(work, layout, megabytes):
    """Builds the image with buildah and pushes it to an OCI layout as `image`; its layers are gzip."""
    storage = ["--root", os.path.join(work, "buildah"), "--runroot", os.path.join(work, "buildah-run"),
               "--storage-driver", "overlay"]

    def buildah(*arguments):
        return subprocess.run(
            ["buildah", *storage, *arguments], capture_output=True, text=True, check=True).stdout.strip()

    source, added, parent = packages(), [], "scratch"
    for number, step in enumerate(STEPS):
        container = buildah("from", parent)
        root = os.fsencode(buildah("mount", container))
        if step[0] == "add":
            files, size = [], 0
            wanted = step[1] * megabytes * 1e6
            while size < wanted and (package := next(source, None)) is not None:
                length = sum(length for _, length in package)
                # One package must not be a layer of its own.
                if length < wanted / 3:
                    files += package
                    size += length
            copy([path for path, _ in files], root)
            added.append(files)
        else:
            added.append([])
            change(root, step[0], added[step[1]], step[2])
        parent = f"layer{number}"
        buildah("commit", "--quiet", container, parent)
        buildah("rm", container)
    buildah("push", "--quiet", parent, f"oci:{layout}:image")
    subprocess.run(["umount", "-R", os.path.join(work, "buildah", "overlay")], capture_output=True, check=False)
    subprocess.run(["rm", "-rf", os.path.join(work, "buildah"), os.path.join(work, "buildah-run")], check=True)


def change(root, kind, files, share):
    """Does something to the first files of a layer that hold a share of its bytes."""
    left = share * sum(size for _, size in files)
    for path, size in files:
        place = os.path.join(root, path)
        if os.path.islink(place) or not os.path.isfile(place):
            continue
        if kind == "remove":
            os.unlink(place)
        elif kind == "own":
            os.chown(place, 1000, 1000)
        else:
            with open(place, "ab") as file:
                file.write(b"\n# changed\n")
        left -= size
        if left < 0:
            break
