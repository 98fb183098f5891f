#!/bin/sh
# Prints a self-signed key and certificate for HOST, as PEM. Usage: certs/make.sh HOST [ec|rsa]
set -eu
host=${1:?usage: certs/make.sh HOST [ec|rsa]}
case ${2:-ec} in
  ec) key='ec -pkeyopt ec_paramgen_curve:P-256' ;;
  rsa) key='rsa:2048' ;;
  *) echo "usage: certs/make.sh HOST [ec|rsa]" >&2; exit 64 ;;
esac
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
umask 077
# shellcheck disable=SC2086
openssl req -x509 -newkey $key -nodes -days 3650 -keyout "$dir/key" -out "$dir/cert" -subj "/CN=$host" \
  -addext "subjectAltName=DNS:$host,DNS:localhost,IP:127.0.0.1,IP:::1" -addext 'basicConstraints=critical,CA:FALSE' \
  -addext 'keyUsage=critical,digitalSignature,keyEncipherment' -addext 'extendedKeyUsage=serverAuth' 2>/dev/null
cat "$dir/key" "$dir/cert"
