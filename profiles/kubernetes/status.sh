#!/bin/sh
# Say whether a job is running, success or failed, as Snakemake asks it.
met=$(kubectl get job "$1" --output 'jsonpath={.status.conditions[?(@.status=="True")].type}') || exit
case $met in
*Complete*) echo success ;;
*Failed*) echo failed ;;
*) echo running ;;
esac
