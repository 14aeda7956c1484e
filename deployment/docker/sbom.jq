# A CycloneDX 1.6 document of an image. Input: what the binary's audit data say. Arguments: $component, $image (name),
# $digest (sha256:…), $authorities (SHA-256 of the bundle), $compiler and $libc (versions), $metadata (cargo's), $lock
# (checksums by "name version").
#
# Nothing in it tells when or where it was made, so that the same image has the same document: no serial number, no time.

# How cargo writes "one or the other" was a slash once.
def expression: gsub("\\s*/\\s*"; " OR ");

def reference: "\(.name)@\(.version)";

def described($licences):
  {
    type: (if .root then "application" else "library" end),
    "bom-ref": reference,
    name, version,
    # What only builds is not in the image.
    scope: (if .kind == "build" then "excluded" else "required" end)
  }
  + ($licences[reference] // null | if . then {licenses: [{expression: expression}]} else {} end)
  + ($lock["\(.name) \(.version)"] // null | if . then {hashes: [{alg: "SHA-256", content: .}]} else {} end)
  + if .source == "crates.io" then {purl: "pkg:cargo/\(.name)@\(.version)"} else {} end;

($metadata[0].packages | map(select(.license) | {key: reference, value: .license}) | from_entries) as $licences
| .packages as $packages
| ($packages | map(select(.root))) as $roots
| if ($roots | length) != 1 then error("the audit data have \($roots | length) roots") else . end
| ($packages | map(reference)) as $references
| if ($references | unique | length) != ($references | length) then error("a package twice") else . end
| "image" as $itself
| "ca-certificates.crt" as $bundle
| "rust-std@\($compiler)" as $std
| "glibc@\($libc)" as $glibc
| {
    "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    version: 1,
    metadata: {
      component: {
        type: "container", "bom-ref": $itself, name: ($image | sub(":[^:/]*$"; "")), version: $digest,
        hashes: [{alg: "SHA-256", content: ($digest | ltrimstr("sha256:"))}],
        purl: "pkg:oci/\($component)@\($digest | sub(":"; "%3A"))?repository_url=\($image | sub(":[^:/]*$"; ""))"
      }
    },
    components: (
      ($packages | map(described($licences)))
      + [
        {type: "file", "bom-ref": $bundle, name: "etc/ssl/certs/ca-certificates.crt", scope: "required",
          hashes: [{alg: "SHA-256", content: $authorities}]},
        {type: "library", "bom-ref": $std, name: "rust-std", version: $compiler, scope: "required",
          licenses: [{expression: "MIT OR Apache-2.0"}]},
        {type: "library", "bom-ref": $glibc, name: "glibc", version: $libc, scope: "required",
          licenses: [{expression: "LGPL-2.1-or-later"}]}
      ]
      | sort_by(.["bom-ref"])
    ),
    dependencies: (
      ($packages | map({ref: reference, dependsOn: (
        (.dependencies // [] | map($references[.])) + (if .root then [$std, $glibc] else [] end) | sort)}))
      + [{ref: $itself, dependsOn: [$bundle, ($roots[0] | reference)]}]
      | sort_by(.ref)
    )
  }
