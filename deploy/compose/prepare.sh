#!/bin/sh
# Makes all that the three nodes of compose.yaml need in a directory, once: signers, enrolment keys, node
# certificates, the signed policy, an issuer of tokens, and a configuration for each node. For a trial on one machine:
# who signs and who enrols for others keeps those keys elsewhere (deploy/README.md).
set -eu
umask 077
dir=$1
here=$(cd "$(dirname "$0")" && pwd)
# The command, where it is not the image's.
watershed=${COMMAND:-node /app/src/cli/watershed.mjs}

[ ! -e "$dir/policy.bundle" ] || exit 0
mkdir -p "$dir"
cp "$here/policy.yaml" "$dir/policy.yaml"
for site in sjc fra sha; do
  key=$($watershed policy keygen "$dir/$site-enrolment.pem")
  sed "s/@$site@/$key/" "$dir/policy.yaml" > "$dir/policy.new" && mv "$dir/policy.new" "$dir/policy.yaml"
done

ana=$($watershed policy keygen "$dir/ana.pem")
ben=$($watershed policy keygen "$dir/ben.pem")
$watershed policy sign "$dir/policy.yaml" --key "$dir/ana.pem" --out "$dir/once.bundle"
$watershed policy sign "$dir/once.bundle" --key "$dir/ben.pem" --over constitution --out "$dir/twice.bundle"

issuer=$($watershed policy keygen "$dir/issuer.pem")
printf '{"kty":"OKP","crv":"Ed25519","x":"%s"}\n' "${issuer#ed25519:}" > "$dir/issuer.jwk"
$watershed policy keygen "$dir/directory.pem" > /dev/null

port=4441
media=20100
for site in sjc fra sha; do
  $watershed node enrol --policy "$dir/policy.yaml" --datacenter "$site" --id "$site-1" \
    --enrolment-key "$dir/$site-enrolment.pem" --out "$dir/$site"
  cat > "$dir/$site.yaml" <<EOF
mode: development       # this machine alone: its addresses give no evidence of a region
node: { datacenter: $site, cloud: trial }
policy:
  bundle: policy.bundle
  stateDir: $site/policy
  signers:
    - { name: ana, key: "$ana" }
    - { name: ben, key: "$ben" }
http: { host: 127.0.0.1, port: $port }
media: { workers: 1, basePort: $media, listen: [{ ip: 127.0.0.1 }] }
tokens:
  issuers: [{ issuer: trial, keyFile: issuer.jwk }]
directory: { keyFile: directory.pem }
cluster: { certificate: $site/node.crt, key: $site/node.key, pipes: { ip: 127.0.0.1 } }
registry: { kind: redis, url: 'redis://127.0.0.1:6390' }
drain: { seconds: 10 }
log: { pretty: false }
EOF
  port=$((port + 1))
  media=$((media + 100))
done
# Last of all: with it the work is done.
mv "$dir/twice.bundle" "$dir/policy.bundle"
rm "$dir/once.bundle"
