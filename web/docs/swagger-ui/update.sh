#!/bin/sh
# Fetches a version of Swagger UI: update.sh 5.35.0. Nothing of the package is run.
set -eu
cd "$(dirname "$0")"
version=$1
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
npm pack --silent --pack-destination "$tmp" "swagger-ui-dist@$version" >/dev/null
tar -xzf "$tmp"/swagger-ui-dist-*.tgz -C "$tmp"
for file in swagger-ui-bundle.js swagger-ui.css; do
  sed '/^\/[/*]# sourceMappingURL/d' "$tmp/package/$file" | gzip -9n >"$file.gz"
done
cp "$tmp/package/LICENSE" "$tmp/package/NOTICE" "$tmp/package/swagger-ui-bundle.js.LICENSE.txt" .
sed -i "s/\`swagger-ui-dist\` [0-9.]*[0-9]/\`swagger-ui-dist\` $version/" README.md
