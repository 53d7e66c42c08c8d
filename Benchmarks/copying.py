"""Copying to and from a registry on the loopback, against skopeo."""

import os
import random
import socket
import subprocess
import sys
import time

from measure import Candidate, alternate, executable, show

COPY, SCRATCH = executable("garboard-copy"), executable("garboard-scratch")


def copying(work, megabytes, rounds):
    """An image of five layers, of random bytes and of text: pushed, pulled, and copied from layout to layout."""
    layout, data = os.path.join(work, "image"), os.path.join(work, "registry")
    build(work, layout, megabytes * 1_000_000)
    port = free_port()
    config = os.path.join(work, "registry.yml")
    with open(config, "w") as file:
        file.write(
            "version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\n"
            f"storage: {{filesystem: {{rootdirectory: {data}}}}}\nhttp: {{addr: '127.0.0.1:{port}'}}\n")
    os.mkdir(data)
    server = subprocess.Popen(["docker-registry", "serve", config], stderr=subprocess.DEVNULL)
    try:
        wait_for(port)
        place = f"docker://127.0.0.1:{port}/bench:1"
        empty = lambda: subprocess.run(["rm", "-rf", os.path.join(data, "docker")], check=True)
        theirs = ["skopeo", "copy", "--quiet", "--src-tls-verify=false", "--dest-tls-verify=false"]
        print("push")
        pushes = [
            Candidate("garboard-copy", [COPY, "--quiet", f"oci:{layout}:image", place], prepare=empty),
            Candidate("skopeo copy", [*theirs, f"oci:{layout}:image", place], prepare=empty)]
        alternate(pushes, work, rounds)
        show(pushes, pushes[1], megabytes * 1_000_000)
        print("pull")
        output = os.path.join(work, "pulled")
        pulls = [
            Candidate("garboard-copy", [COPY, "--quiet", place, f"oci:{output}:image"], made=[output]),
            Candidate("skopeo copy", [*theirs, place, f"oci:{output}:image"], made=[output])]
        alternate(pulls, work, rounds)
        show(pulls, pulls[1], megabytes * 1_000_000)
        print("layout to layout")
        copies = [
            Candidate("garboard-copy", [COPY, "--quiet", f"oci:{layout}:image", f"oci:{output}:image"], made=[output]),
            Candidate("skopeo copy", [*theirs, f"oci:{layout}:image", f"oci:{output}:image"], made=[output])]
        alternate(copies, work, rounds)
        show(copies, copies[1], megabytes * 1_000_000)
    finally:
        server.kill()
        server.wait()


def build(work, layout, size):
    context = os.path.join(work, "copied")
    os.mkdir(context)
    source = random.Random(1)
    with open(os.path.join(context, "Dockerfile"), "w") as file:
        file.write("FROM scratch\n")
        for number, share in enumerate((0.5, 0.2, 0.15, 0.1, 0.05)):
            with open(os.path.join(context, f"data{number}"), "wb") as data:
                left = int(size * share)
                while left > 0:
                    # One part in four is text, which gzip makes a quarter of.
                    block = source.randbytes(min(left, 1 << 20))
                    if source.random() < 0.25:
                        block = block.hex().encode().replace(b"0", b"the ")[:len(block)]
                    left -= data.write(block)
            file.write(f"COPY data{number} /\n")
    subprocess.run(
        [SCRATCH, "--quiet", "-f", os.path.join(context, "Dockerfile"), context, "--no-cache", "--compression", "gzip:1",
         "-o", f"oci:{layout}:image"], check=True)
    subprocess.run(["rm", "-rf", context], check=True)


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def wait_for(port):
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            time.sleep(0.05)
    sys.exit("Benchmarks/run: docker-registry does not listen")
