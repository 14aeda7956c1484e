#!/usr/bin/env bash
# Runs a command on a Kubernetes of a minor version, by kind and a container engine, and removes the cluster, whatever
# becomes of the command.
#
#   kind.sh MINOR COMMAND [ARGUMENT...]
#
# The command finds the cluster by ATS_TEST_KUBECONFIG, and by ATS_TEST_LOAD_IMAGE the way of images into it. The kind is
# that of tools/kind, whatever the machine has; KIND names another.
set -euo pipefail

[[ $# -ge 2 ]] || { echo 'usage: kind.sh MINOR COMMAND [ARGUMENT...]' >&2; exit 2; }
minor=$1
shift
# The node images that kind's releases of these versions name as their default.
case $minor in
  1.35) node=v1.35.0@sha256:452d707d4862f52530247495d180205e029056831160e22870e37e3f6c1ac31f ;;
  1.36) node=v1.36.1@sha256:3489c7674813ba5d8b1a9977baea8a6e553784dab7b84759d1014dbd78f7ebd5 ;;
  1.37) node=v1.37.0@sha256:a1ed56cfb0e7b93589bdf97c8cd566405a265939e3620fc4f5de89adff580ae5 ;;
  *) echo "kind.sh: there is no image of Kubernetes $minor here: 1.35, 1.36 or 1.37" >&2; exit 2 ;;
esac

kind=${KIND:-$("$(dirname "${BASH_SOURCE[0]}")/tools/build.sh" kind)/kind}
folder=$(mktemp -d)
name=ats-$$
trap '"$kind" delete cluster --name "$name" --kubeconfig "$folder/kubeconfig" || true; rm -rf "$folder"' EXIT
"$kind" create cluster --name "$name" --image "docker.io/kindest/node:$node" --kubeconfig "$folder/kubeconfig" --wait 3m
ATS_TEST_KUBECONFIG=$folder/kubeconfig ATS_TEST_LOAD_IMAGE="$kind load image-archive --name $name" "$@"
