#!/usr/bin/env python3
"""Hand a job of Snakemake to Kubernetes with kubectl and print its name; the last argument is the job's script."""

import argparse
import json
import subprocess


def manifest(given: argparse.Namespace) -> dict:
    """Describe a job of one pod, which sees the project's folder where snakemake runs sees it."""
    limits = {"cpu": given.threads, "memory": f"{given.memory}M", "nvidia.com/gpu": given.gpus}
    container = {
        "name": "job",
        "image": given.image,
        "command": ["sh", given.script],
        "resources": {"requests": limits, "limits": limits},
        "volumeMounts": [{"name": "project", "mountPath": given.mount}],
    }
    claim = {"name": "project", "persistentVolumeClaim": {"claimName": given.claim}}
    pod = {"restartPolicy": "Never", "containers": [container], "volumes": [claim]}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"generateName": "recloop-", "labels": {"app": "recloop"}},
        # Snakemake tries again by itself; what is over is looked at by its status, so that it stays for a day.
        "spec": {
            "backoffLimit": 0,
            "ttlSecondsAfterFinished": 86400,
            "template": {"spec": pod},
        },
    }


def main() -> None:
    """Submit."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("image", "claim", "mount"):
        parser.add_argument(f"--{name}", required=True)
    for name in ("threads", "memory", "gpus"):
        parser.add_argument(f"--{name}", required=True, type=int)
    parser.add_argument("script")
    text = json.dumps(manifest(parser.parse_args()))
    command = ["kubectl", "create", "--filename=-", "--output=name"]
    done = subprocess.run(command, input=text, text=True, stdout=subprocess.PIPE, check=True)
    print(done.stdout.strip().rpartition("/")[2])


if __name__ == "__main__":
    main()
