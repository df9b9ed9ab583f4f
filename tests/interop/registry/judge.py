"""Debian's docker-registry and `wash oci`: each pushes what the other pulls, byte for byte. Reads DOCKER_REGISTRY, WASH,
HOST_HARNESS, COMPONENT, GATEWAY, GATEWAY_SBOM and WIT_PACKAGE; WKG, if it is set, is another client that does what wash does."""

import json
import os
import pathlib
import subprocess
import tempfile
import urllib.request

from debian_registry import digest, registry

WASH, PROGRAM, COMPONENT, GATEWAY, GATEWAY_SBOM, WIT_PACKAGE = (
    os.environ[name] for name in ("WASH", "HOST_HARNESS", "COMPONENT", "GATEWAY", "GATEWAY_SBOM", "WIT_PACKAGE")
)
WKG = os.environ.get("WKG")
ANNOTATION = "org.opencontainers.image."


def ours(home, *arguments, status=0):
    environment = {
        "HOME": str(home),
        "PATH": os.environ["PATH"],
        "OPENCLAW_STATE_DIR": str(home / "state"),
        "DOCKER_CONFIG": str(home / "none"),
    }
    command = [PROGRAM, "--format", "json", *arguments]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert ran.returncode == status, (command, ran.stdout, ran.stderr)
    return json.loads(ran.stdout)


def others(home, *command):
    environment = {**os.environ, "HOME": str(home), "XDG_CONFIG_HOME": str(home), "XDG_DATA_HOME": str(home)}
    ran = subprocess.run(command, env=environment, cwd=home, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, (command, ran.stdout, ran.stderr)


def wash(home, *arguments):
    others(home, WASH, "--non-interactive", "oci", *arguments)


def manifest(address, name):
    """The manifest `REPOSITORY:TAG` of a registry, as anybody reads it."""
    repository, tag = name.rsplit(":", 1)
    asked = urllib.request.Request(
        f"http://{address}/v2/{repository}/manifests/{tag}",
        headers={"Accept": "application/vnd.oci.image.manifest.v1+json"},
    )
    return json.load(urllib.request.urlopen(asked))


def wkg(root, address, wanted):
    """The same with wkg."""
    reference = f"{address}/openclaw/provider:ours"
    back = root / "by-wkg.wasm"
    others(root, WKG, "oci", "pull", "--insecure", address, reference, "--output", str(back))
    assert digest(back) == wanted
    print("wkg pulls what publish pushed, byte for byte")
    others(root, WKG, "oci", "push", "--insecure", address, f"{address}/openclaw/provider:wkg", COMPONENT)
    pulled = ours(root, "pull", f"oci://{address}/openclaw/provider:wkg")
    assert pulled["digest"] == wanted, pulled
    print("pull takes what wkg pushed, byte for byte")


def main():
    with tempfile.TemporaryDirectory() as directory:
        root = pathlib.Path(directory)
        wanted = digest(COMPONENT)
        signature = root / "made.minisig"
        signature.write_text("a signature, as far as a registry can tell\n")
        bill = root / "bill.json"
        bill.write_text("{}")
        with registry(root) as address:
            # Ours pushes, wash pulls.
            reference = f"{address}/openclaw/provider:ours"
            published = ours(
                root, "publish", f"oci://{reference}", COMPONENT, "--sbom", str(bill), "--signature", str(signature)
            )
            assert published["digest"] == wanted
            assert len(published["referrers"]) == 2, published
            back = root / "pulled.wasm"
            wash(root, "pull", "--insecure", reference, str(back))
            assert digest(back) == wanted
            print("wash pulls what publish pushed, byte for byte")

            # What the file says of itself is what the registry says of it.
            told = manifest(address, "openclaw/provider:ours")["annotations"]
            for name in ("title", "version", "licenses", "source", "description"):
                assert told.get(ANNOTATION + name), (name, told)
            print(f"its annotations are filled from the file: {sorted(told)}")

            # So does the composed gateway, which is no plugin; engines read what it needs.
            gateway = f"{address}/openclaw/gateway:ours"
            told = ours(root, "publish", f"oci://{gateway}", GATEWAY, "--sbom", GATEWAY_SBOM)
            kinds = [one["artifactType"] for one in told["referrers"]]
            assert kinds == ["application/vnd.cyclonedx+json"], told
            bill = json.loads(pathlib.Path(GATEWAY_SBOM).read_text())["metadata"]["component"]
            assert "sha256:" + bill["hashes"][0]["content"] == digest(GATEWAY), bill
            wash(root, "pull", "--insecure", gateway, str(back))
            assert digest(back) == digest(GATEWAY)
            said = manifest(address, "openclaw/gateway:ours")
            assert said["annotations"].get(ANNOTATION + "title") == "huggingface-gateway", said
            blob = f"http://{address}/v2/openclaw/gateway/blobs/{said['config']['digest']}"
            facts = json.load(urllib.request.urlopen(blob))["component"]
            assert all(name.startswith("wasi:") for name in facts["imports"] + facts["exports"]), facts
            assert any(name.startswith("wasi:http/incoming-handler@") for name in facts["exports"]), facts
            print("wash pulls the gateway that publish pushed, byte for byte")

            # The contract goes out as its own artifact.
            contract = f"{address}/openclaw/model-provider:0.2.0"
            ours(root, "publish", f"oci://{contract}", WIT_PACKAGE, "--wit")
            wash(root, "pull", "--insecure", contract, str(back))
            assert digest(back) == digest(WIT_PACKAGE)
            print("wash pulls the WIT package, byte for byte")
            if WKG:
                wkg(root, address, wanted)
                others(root, WKG, "oci", "pull", "--insecure", address, contract, "--output", str(back))
                assert digest(back) == digest(WIT_PACKAGE)
                print("wkg pulls the WIT package, byte for byte")

            # The registry has no referrers API: they are listed under a tag.
            tag = published["manifest"].replace(":", "-")
            # It gives an index only to clients that accept one.
            listed = urllib.request.Request(
                f"http://{address}/v2/openclaw/provider/manifests/{tag}",
                headers={"Accept": "application/vnd.oci.image.index.v1+json"},
            )
            index = json.load(urllib.request.urlopen(listed))
            kinds = sorted(one["artifactType"] for one in index["manifests"])
            assert kinds == ["application/vnd.cyclonedx+json", "application/vnd.openclaw.minisign.v1"], index
            print("what refers to it is listed under the tag that stands in for the API")

            # Wash pushes, ours pulls.
            reference = f"{address}/openclaw/provider:wash"
            wash(root, "push", "--insecure", reference, COMPONENT)
            pulled = ours(root, "pull", f"oci://{reference}")
            assert pulled["digest"] == wanted, pulled
            print("pull takes what wash pushed, byte for byte")

            # Pinned, and used twice.
            accepted = ours(root, "accept", "--yes", f"oci://{reference}")
            assert accepted["digest"] == wanted
            ours(root, "resolve", "huggingface/Qwen/Qwen3-8B")
        inspected = ours(root, "--plugin", f"oci://{reference}@{pulled['manifest']}", "inspect")
        assert inspected["digest"] == wanted
        ours(root, "resolve", "huggingface/Qwen/Qwen3-8B")
        print("a second start is offline")


main()
