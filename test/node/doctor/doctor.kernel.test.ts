import { expect, test } from "vitest";
import { doctor } from "../../../src/node/doctor/doctor.js";

test("says of this machine what every line needs: a name, what was found, what is wanted", async () => {
	const report = await doctor();
	const names = report.map((line) => line.name);
	expect(names).toEqual(
		expect.arrayContaining(["root", "kernel", "cgroup", "namespaces", "overlayfs", "criu", "native"]),
	);
	for (const line of report) {
		expect(line.found, line.name).not.toBe("");
		expect(line.wanted, line.name).not.toBe("");
		if (line.status === "ok") expect(line.fix, line.name).toBeNull();
	}
});

test("features that were used are never answered with a guess", async () => {
	const asked = (await doctor()).filter((line) => ["overlayfs", "veth", "bridge", "seccomp"].includes(line.name));
	expect(asked.map((line) => line.found.split(" ")[0])).not.toContain("not");
});
