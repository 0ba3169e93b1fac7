import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { mapUserNamespace, userNamespaceImage } from "../../../src/runtime/checkpoint/user-namespace-image.js";
import { temporaryDirectory } from "../../support/temporary.js";

/** As CRIU 4.2.1 wrote it for a container whose first id is 0x70000000: magic, size, two extents. */
const written = Buffer.from("19435654064947551c0000000a0c080010808080800718808004120c080010808080800718808004", "hex");

describe("the image of a user namespace", () => {
	it("is what CRIU itself writes for the same ids", () => {
		expect(Buffer.from(userNamespaceImage(written.subarray(0, 8), 0x70000000)).toString("hex")).toBe(
			written.toString("hex"),
		);
	});

	it("gets the ids of this node, and keeps what it is", async () => {
		const directory = await temporaryDirectory();
		writeFileSync(join(directory, "userns-10.img"), written);
		writeFileSync(join(directory, "core-1.img"), "memory");
		await mapUserNamespace(directory, process.getuid?.() === 0 ? 0x70ab0000 : (process.getuid?.() ?? 0));
		const image = readFileSync(join(directory, "userns-10.img"));
		expect(image.subarray(0, 8)).toEqual(written.subarray(0, 8));
		expect(image.equals(written)).toBe(false);
		expect(image.readUInt32LE(8)).toBe(image.length - 12);
	});

	it("is missed where there is none, or half of one", async () => {
		const directory = await temporaryDirectory();
		await expect(mapUserNamespace(directory, 0x70000000)).rejects.toMatchObject({ code: "corrupt" });
		writeFileSync(join(directory, "userns-10.img"), written.subarray(0, 9));
		chmodSync(join(directory, "userns-10.img"), 0o600);
		await expect(mapUserNamespace(directory, 0x70000000)).rejects.toMatchObject({ code: "corrupt" });
	});
});
