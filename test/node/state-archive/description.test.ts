import { expect, it } from "vitest";
import { validateSpec } from "../../../src/node/spec/validate-spec.js";
import { decodeDescription } from "../../../src/node/state-archive/description.js";

const machine = { architecture: "x64", cpuFlags: ["sse2"], kernel: "6.12", criuVersion: "4.2", kernelFeatures: [] };
const facts = { machine, phase: "running", memoryBytes: 1, fileBytes: 2, ports: [], volumes: [] };
const whole = {
	...{
		version: 1,
		container: "web.0",
		spec: { name: "web" },
		imageName: "host",
		imageDigest: `sha256:${"a".repeat(64)}`,
	},
	...{ address: "10.99.1.2", createdAtMs: 1, startedAtMs: null, exportedAtMs: 3, memory: { manifest: {}, facts } },
};
const decode = (value: unknown) => decodeDescription(JSON.stringify(value), validateSpec);

it("a description is read back, with the spec through the door of specs", () => {
	const { imageName, imageDigest, address } = whole;
	const unsaid = { imageName, imageDigest, address, memoryBytesRequested: null, userNamespace: false };
	const memory = { manifest: {}, facts: { ...facts, ...unsaid } };
	expect(decode(whole)).toEqual({ ...whole, spec: validateSpec({ name: "web" }), memory });
	expect(decode({ ...whole, memory: null, address: null }).memory).toBeNull();
});

it.each([
	["version", { version: 2 }],
	["container", { container: "../x" }],
	["imageDigest", { imageDigest: "sha256:1" }],
	["address", { address: "10.98.0.1" }],
	["createdAtMs", { createdAtMs: -1 }],
	["memory.manifest", { memory: { manifest: null, facts } }],
	["memory.facts", { memory: { manifest: {} } }],
	["cpuFlags", { memory: { manifest: {}, facts: { ...facts, machine: { ...machine, cpuFlags: [1] } } } }],
	["phase", { memory: { manifest: {}, facts: { ...facts, phase: 7 } } }],
	["memoryBytesRequested", { memory: { manifest: {}, facts: { ...facts, memoryBytesRequested: "1" } } }],
	["ports", { memory: { manifest: {}, facts: { ...facts, ports: [null] } } }],
	["protocol", { memory: { manifest: {}, facts: { ...facts, ports: [{ host: 1, container: 1, protocol: "x" }] } } }],
])("a description with a wrong %s is refused by name", (field, change) => {
	expect(() => decode({ ...whole, ...change })).toThrow(`Cannot import: ${field} of container.json`);
	expect(() => decode({ ...whole, spec: { name: "No" } })).toThrow("Cannot accept the spec: name");
	expect(() => decodeDescription("{", validateSpec)).toThrow("no JSON");
});
