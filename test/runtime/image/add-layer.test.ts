import { createHash } from "node:crypto";
import { expect, it } from "vitest";
import type { Digest } from "../../../src/model.js";
import { withLayer } from "../../../src/runtime/image/add-layer.js";

const digestOf = (bytes: Uint8Array) => `sha256:${createHash("sha256").update(bytes).digest("hex")}` as Digest;
const hex = (digit: string) => `sha256:${digit.repeat(64)}` as Digest;
const docker = "application/vnd.docker.image.rootfs.diff.tar.gzip";

it("an image with one more layer keeps what it was, also fields that nobody here knows", () => {
	const config = {
		...{ architecture: "amd64", os: "linux", "x-own": 1, config: { Cmd: ["run"], Labels: { a: "b" } } },
		...{ rootfs: { type: "layers", diff_ids: [hex("1")] }, history: [{ created_by: "first" }] },
	};
	const manifest = {
		...{ schemaVersion: 2, mediaType: "application/vnd.docker.distribution.manifest.v2+json" },
		config: { mediaType: "application/vnd.docker.container.image.v1+json", digest: hex("2"), size: 10 },
		layers: [{ mediaType: docker, digest: hex("3"), size: 20 }],
		annotations: { kept: "yes" },
	};
	const base = { manifest: Buffer.from(JSON.stringify(manifest)), config: Buffer.from(JSON.stringify(config)) };
	const layer = { digest: hex("4"), sizeBytes: 30, createdAtMs: 0, createdBy: "swarm commit web.0" };
	const made = withLayer(base, layer, digestOf);
	expect(JSON.parse(made.config.toString())).toEqual({
		...config,
		created: "1970-01-01T00:00:00.000Z",
		rootfs: { type: "layers", diff_ids: [hex("1"), hex("4")] },
		history: [{ created_by: "first" }, { created: "1970-01-01T00:00:00.000Z", created_by: "swarm commit web.0" }],
	});
	expect(JSON.parse(made.manifest.toString())).toEqual({
		...{ schemaVersion: 2, mediaType: "application/vnd.oci.image.manifest.v1+json", annotations: { kept: "yes" } },
		config: {
			mediaType: "application/vnd.oci.image.config.v1+json",
			digest: digestOf(made.config),
			size: made.config.length,
		},
		layers: [
			{ mediaType: "application/vnd.oci.image.layer.v1.tar+gzip", digest: hex("3"), size: 20 },
			{ mediaType: "application/vnd.oci.image.layer.v1.tar", digest: hex("4"), size: 30 },
		],
	});
});

it("a base that is no image is refused", () => {
	const layer = { digest: hex("4"), sizeBytes: 30, createdAtMs: 0, createdBy: "x" };
	const nothing = Buffer.from("{}");
	expect(() => withLayer({ manifest: nothing, config: nothing }, layer, digestOf)).toThrow("Cannot read the image's");
});
