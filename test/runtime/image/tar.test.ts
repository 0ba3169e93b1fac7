import { expect, test } from "vitest";
import { readTar } from "../../../src/runtime/image/tar.js";
import { tarOf } from "../../support/oci-image.js";

async function* whole(bytes: Buffer): AsyncGenerator<Buffer> {
	yield bytes;
}

test("the size that a directory says is no data: what is read of it ends, and the next entry comes", async () => {
	const tar = await tarOf([
		{ name: "bin/", type: "directory" },
		{ name: "bin/true", content: "#!/bin/sh" },
	]);
	// ustar: the size in octal at 124; at 148 the sum of all bytes of the header, with spaces in its own place.
	tar.write("00000000530\0", 124, "latin1");
	tar.write("        ", 148, "latin1");
	const sum = tar.subarray(0, 512).reduce((all, byte) => all + byte, 0);
	tar.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
	const seen: [string, string][] = [];
	await readTar(whole(tar), async ({ name }, data) => {
		const parts: Buffer[] = [];
		for await (const part of data) parts.push(part);
		seen.push([name, Buffer.concat(parts).toString()]);
	});
	expect(seen).toEqual([
		["bin/", ""],
		["bin/true", "#!/bin/sh"],
	]);
});
